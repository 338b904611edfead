"""`tsdsl export`: writes a model that does not need tsdsl, verified to give the same scores."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tsdsl.cli.options import Force, InSpace, ModelName, SpaceName
from tsdsl.cli.work.console import note
from tsdsl.cli.work.sources import demand_absent
from tsdsl.files import write_bytes

if TYPE_CHECKING:
    from tsdsl.engine.training.record import TrainRecord
    from tsdsl.exporting.agreement import Agreement
    from tsdsl.exporting.preprocessing import Sampling
    from tsdsl.exporting.provenance import Provenance
    from tsdsl.lowering import Model
    from tsdsl.space.model import Space


class ExportFormat(StrEnum):
    """The formats of an exported model."""

    python = "python"
    pt2 = "pt2"
    onnx = "onnx"


ENDINGS = {ExportFormat.python: ".py", ExportFormat.pt2: ".pt2", ExportFormat.onnx: ".onnx"}


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
            help="PyTorch source, torch.export program or ONNX; default: from the ending of the file.",
        ),
    ] = None,
    model: ModelName = None,
    space: SpaceName = None,
    in_space: InSpace = None,
    force: Force = False,
) -> None:
    """Write one model as a file that does not need tsdsl, verified to give the same scores.

    The file includes the labels, and the frames, size and normalisation that the model expects. A .pt2 or .onnx file
    includes the weights; those of a source file are written beside it as .safetensors. Any batch size works.
    """
    from tsdsl.artifacts.locate import find_architecture, find_scale
    from tsdsl.artifacts.trained import known_class_names, open_trained, training_record
    from tsdsl.exporting.agreement import demand_agreement
    from tsdsl.exporting.onnx import demand_onnx
    from tsdsl.exporting.provenance import Provenance
    from tsdsl.lowering import Model, save_model
    from tsdsl.network.layout import Blueprint

    chosen = format or _format_of(output)
    if chosen is ExportFormat.onnx:
        demand_onnx()
    output = output or Path(f"model{ENDINGS[chosen]}")
    weights_path = output.with_suffix(".safetensors")
    labels, sampling = None, None
    has_weights = weights is not None or (architecture.is_dir() and (architecture / "weights.safetensors").exists())
    writes_weights = has_weights and chosen is ExportFormat.python
    for path in (output, *([weights_path] if writes_weights else [])):
        demand_absent(path, force)
    if has_weights:
        trained = open_trained(architecture, weights, model, in_space, space)
        built, found, located, scale = trained.model, trained.architecture, trained.located, trained.scale
        labels = known_class_names(trained)
        sampling = _sampling(training_record(architecture))
    else:
        found, located = find_architecture(architecture, in_space, space)
        scale = find_scale(located.space, model)
        built = Model(Blueprint(located.space, scale=scale).network(found.decisions, found.step), seed=0)
        _settle(built)
    provenance = Provenance(
        architecture=found, scale=scale, classes=built.network.classes, labels=labels, sampling=sampling
    )
    content, agreed = _exported(chosen, located.space, built, provenance)
    demand_agreement(agreed)
    write_bytes(output, content)
    note(f"wrote {output}: same scores as ours on random clips (largest difference {agreed.difference:.2g})")
    if writes_weights:
        save_model(weights_path, built, found, labels)
        note(f"wrote {weights_path}: the weights, for `load` in {output}")
    if chosen is not ExportFormat.python and not has_weights:
        note("the weights are random; for trained ones give a training run, or --weights FILE")


def _format_of(output: Path | None) -> ExportFormat:
    """The format for a file's ending; Python source for unknown endings."""
    ending = output.suffix if output is not None else ""
    return next((format for format, own in ENDINGS.items() if own == ending), ExportFormat.python)


def _exported(format: ExportFormat, space: Space, model: Model, provenance: Provenance) -> tuple[bytes, Agreement]:
    """The content of the file, and how its scores agree with the model's."""
    from tsdsl.exporting import export_onnx, export_pt2, verify_export, verify_onnx, verify_pt2
    from tsdsl.exporting.provenance import export_with_provenance

    if format is ExportFormat.python:
        source = export_with_provenance(space, provenance)
        return source.encode(), verify_export(source, model)
    if format is ExportFormat.pt2:
        content = export_pt2(model, provenance)
        return content, verify_pt2(content, model)
    content = export_onnx(model, provenance)
    return content, verify_onnx(content, model)


def _settle(model: Model) -> None:
    """Set BN statistics from random clips; with the initial ones all scores vanish and any export would agree."""
    import torch

    from tsdsl.lowering import recalibrate

    network = model.network
    generator = torch.Generator().manual_seed(0)
    recalibrate(model, [torch.randn(2, 3, network.frames, network.size, network.size, generator=generator)])


def _sampling(record: TrainRecord | None) -> Sampling | None:
    """How a training run sampled frames, if it recorded that."""
    from tsdsl.data.settings import REFERENCE_FPS, clip_settings
    from tsdsl.exporting.preprocessing import Sampling

    if record is None or "clip" not in record.data:
        return None
    clip = clip_settings(dict(record.data["clip"]))
    interval_s = clip.rate * clip.stride / REFERENCE_FPS if clip.sampling == "span" else None
    return Sampling(method=clip.sampling, interval_s=interval_s, short_side_px=clip.test_short_side_px)
