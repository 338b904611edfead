"""`tsdsl export`: a model with no tsdsl in it, verified equal."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tsdsl.cli.console import note
from tsdsl.errors import FileError, RunError
from tsdsl.files import write_text

TOLERANCE = 1e-5


class ExportFormat(StrEnum):
    """What is written."""

    python = "python"


def export(
    architecture: Annotated[Path, typer.Argument(metavar="ARCH", help="An architecture file, or a run.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write.")] = Path("model.py"),
    weights: Annotated[
        Path | None, typer.Option("--weights", help="Weights to go with it; default: a training run's.")
    ] = None,
    format: Annotated[ExportFormat, typer.Option("--format", help="One PyTorch source file.")] = ExportFormat.python,
    model: Annotated[str | None, typer.Option("--model", help="Scale as one of the space's models, e.g. L.")] = None,
    in_space: Annotated[str | None, typer.Option("--in", help="The architecture's space, if it is not found.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False,
) -> None:
    """Write one readable PyTorch file that needs no tsdsl, checked to give the same scores; weights beside it."""
    from tsdsl.analysis.network import UNSCALED, Blueprint
    from tsdsl.cli.locate import find_architecture, find_scale
    from tsdsl.cli.trained import open_trained
    from tsdsl.lowering import Model, save_model, verify_export
    from tsdsl.lowering.provenance import Provenance, export_with_provenance

    weights_path = output.with_suffix(".safetensors")
    labels = None
    has_weights = weights is not None or (architecture.is_dir() and (architecture / "weights.safetensors").exists())
    if has_weights:
        trained = open_trained(architecture, weights, model, in_space)
        built, found, located, scale = trained.model, trained.architecture, trained.located, trained.scale
        labels = _labels(trained.data, built.network.classes)
    else:
        found, located = find_architecture(architecture, in_space)
        scale = find_scale(located.space, model) or UNSCALED
        built = Model(Blueprint(located.space, scale=scale).network(found.decisions, found.step), seed=0)
    for path in (output, *([weights_path] if has_weights else [])):
        if path.exists() and not force:
            raise FileError(f"{path}: exists already", help="choose another name, or overwrite it with --force")
    provenance = Provenance(architecture=found, scale=scale, classes=built.network.classes, labels=labels)
    source = export_with_provenance(located.space, provenance)
    difference = verify_export(source, built)
    if not difference <= TOLERANCE:
        raise RunError(
            f"the exported model differs by {difference:.3g} from ours, nothing was written",
            help="please report the space and the architecture",
        )
    write_text(output, source)
    note(f"wrote {output}: same scores as ours on random clips (largest difference {difference:.2g})")
    if has_weights:
        save_model(weights_path, built, found)
        note(f"wrote {weights_path}: its weights, for `load` in {output}")


def _labels(data: Path | None, classes: int) -> tuple[str, ...] | None:
    """The class names of the data set the model was trained on, where it is still there."""
    from tsdsl.data import open_dataset

    if data is None or not data.is_dir():
        return None
    names = open_dataset(data, "train").class_names
    return tuple(names) if len(names) == classes else None
