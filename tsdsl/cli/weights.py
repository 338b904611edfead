"""`tsdsl weights`: published weights under our names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tsdsl.cli.console import note
from tsdsl.errors import FileError

app = typer.Typer(help="Take over published weights.", no_args_is_help=True)


@app.callback()
def root() -> None:
    """Take over published weights."""


@app.command("import")
def import_weights(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="pytorchvideo's checkpoint of an X3D or SlowFast.")],
    space_file: Annotated[str, typer.Argument(metavar="SPACE", help="The network's space, such as std:x3d.")],
    model: Annotated[str | None, typer.Option("--model", help="One of the space's models, e.g. S.")] = None,
    space: Annotated[str | None, typer.Option("--space", help="Which space, where the file holds several.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File to write; default: FILE ending in .safetensors.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Write published weights as a file for `eval --weights`, `train --weights` and `export --weights`.

    The checkpoint is read without running any code in it. Every tensor must have a place, and every place a tensor.
    """
    from tsdsl.artifacts.locate import find_scale, find_space, only_architecture
    from tsdsl.lowering import Model, save_model
    from tsdsl.lowering.published_weights import family_of, num_classes, read_published, translated
    from tsdsl.network.layout import UNSCALED, Blueprint

    output = output or file.with_suffix(".safetensors")
    if output.exists() and not force:
        raise FileError(f"{output}: exists already", help="choose another name, or overwrite it with --force")
    architecture, located = only_architecture(find_space(space_file, space))
    published = read_published(file)
    family = family_of(published, file)
    blueprint = Blueprint(
        located.space, classes=num_classes(published) or 0, scale=find_scale(located.space, model) or UNSCALED
    )
    built = Model(blueprint.network({}), seed=0)
    built.load_state_dict(translated(published, built.network, built.state_dict(), file))
    save_model(output, built, architecture)
    named = f"{located.space.name}, model {model}" if model else located.space.name
    note(f"wrote {output}: {len(published)} tensors of {family.name} as {named}, {built.network.classes} classes")
