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
        Path, typer.Argument(metavar="FILE", help="Checkpoint of an X3D or SlowFast from pytorchvideo or PySlowFast.")
    ],
    space_file: Annotated[str, typer.Argument(metavar="SPACE", help="The network's space, such as std:x3d.")],
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
    from tsdsl.lowering.published_file import read_published
    from tsdsl.lowering.published_names import family_of, num_classes
    from tsdsl.lowering.published_weights import translated
    from tsdsl.network.layout import Blueprint

    output = output or file.with_suffix(".safetensors")
    demand_absent(output, force)
    architecture, located = only_architecture(find_space(space_file, space))
    published = read_published(file)
    family = family_of(published, file)
    blueprint = Blueprint(located.space, classes=num_classes(published) or 0, scale=find_scale(located.space, model))
    built = Model(blueprint.network({}), seed=0)
    built.load_state_dict(translated(published, built.network, built.state_dict(), file))
    save_model(output, built, architecture)
    named = f"{located.space.name}, model {model}" if model else located.space.name
    note(f"wrote {output}: {len(published)} tensors of {family.name} as {named}, {built.network.classes} classes")
