"""`tsdsl weights`: imports published weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tsdsl.cli.options import Force, ModelName, SpaceName
from tsdsl.cli.work.console import note
from tsdsl.cli.work.sources import demand_absent

app = typer.Typer(help="Import published weights.", no_args_is_help=True)


@app.callback()
def root() -> None:
    """Import published weights."""


@app.command("import")
def import_weights(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Checkpoint of pytorchvideo, PySlowFast, mmaction2 or torchvision; see `tsdsl docs models`.",
        ),
    ],
    space_file: Annotated[
        str | None,
        typer.Argument(metavar="SPACE", help="The network's space; default: the shipped one that the weights fit."),
    ] = None,
    model: ModelName = None,
    space: SpaceName = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File to write; default: FILE ending in .safetensors.")
    ] = None,
    force: Force = False,
) -> None:
    """Convert published weights to a file for `eval --weights`, `train --weights` and `export --weights`.

    No code in the checkpoint is run. Its tensors must match those of the network one to one.
    """
    from tsdsl.artifacts.locate import find_scale, find_space, only_architecture
    from tsdsl.lowering import Model, save_model
    from tsdsl.lowering.published.checkpoint import read_checkpoint
    from tsdsl.lowering.published.fit import fitted, only_fitting, remarks
    from tsdsl.lowering.published.recognise import recognise
    from tsdsl.network.layout import Blueprint

    output = output or file.with_suffix(".tsdsl.safetensors" if file.suffix == ".safetensors" else ".safetensors")
    demand_absent(output, force)
    checkpoint = read_checkpoint(file)
    found = recognise(checkpoint.tensors, file)
    if space_file is None:
        shipped = only_fitting(found, file, space, model)
        space_file, space, model = f"std:{shipped.file}", shipped.space, shipped.model
    architecture, located = only_architecture(find_space(space_file, space))
    blueprint = Blueprint(located.space, classes=found.num_classes or 0, scale=find_scale(located.space, model))
    built = Model(blueprint.network({}), seed=0)
    built.load_state_dict(fitted(found, built.network, built.state_dict(), file))
    save_model(output, built, architecture)
    named = f"{located.space.name}, model {model}" if model else located.space.name
    size = f"{len(found.tensors)} tensors of {found.family.name} as {named}, {built.network.classes} classes"
    note(f"wrote {output}: {size}")
    for remark in remarks(checkpoint, found):
        note(remark)
