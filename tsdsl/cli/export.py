"""`tsdsl export`: writes a model that does not need tsdsl, verified to give the same scores."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tsdsl.cli.options import Force, InSpace, ModelName, SpaceName
from tsdsl.cli.work.console import note
from tsdsl.errors import UsageError


class ExportFormat(StrEnum):
    """The formats of an exported model."""

    python = "python"
    pt2 = "pt2"
    onnx = "onnx"


def export(
    architecture: Annotated[
        Path, typer.Argument(metavar="ARCH", help="A run, an architecture file, or a space without decisions.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="File to write; default: model.py, .pt2 or .onnx."),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option("--weights", help="Weights file; default: that of the training run.")
    ] = None,
    format: Annotated[
        ExportFormat | None,
        typer.Option(
            "--format",
            help="Format of the file: PyTorch source, torch.export program or ONNX; default: by its ending.",
        ),
    ] = None,
    model: ModelName = None,
    space: SpaceName = None,
    in_space: InSpace = None,
    hub: Annotated[
        Path | None, typer.Option("--hub", metavar="FOLDER", help="Write a folder for the Hugging Face Hub instead.")
    ] = None,
    force: Force = False,
) -> None:
    """Write one model as a file that does not need tsdsl, verified to give the same scores.

    The file includes the labels, and the frames, size and normalisation that the model expects. A .pt2 or .onnx file
    includes the weights; those of a source file are written beside it as .safetensors. Any batch size works.
    """
    from tsdsl.library.exporting import export as export_model
    from tsdsl.library.hub import export_hub

    if hub is not None:
        if any(one is not None for one in (output, weights, format, model, space, in_space)):
            raise UsageError("--hub takes a training run as it is", help="leave the other options out")
        note(f"wrote {export_hub(architecture, hub, force=force)}: `tsdsl.load_model` reads it")
        return
    done = export_model(
        architecture,
        output,
        format=None if format is None else format.value,
        weights=weights,
        model=model,
        space=space,
        in_space=in_space,
        force=force,
    )
    note(f"wrote {done.path}: same scores as ours on random clips (largest difference {done.difference:.2g})")
    if done.weights is not None:
        note(f"wrote {done.weights}: the weights, for `load` in {done.path}")
    elif not done.is_trained and done.path.suffix != ".py":
        note("the weights are random; for trained ones give a training run, or --weights FILE")
