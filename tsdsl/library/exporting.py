"""Exports a model as a file that does not need tsdsl, verified to give the same scores."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from tsdsl.errors import FileError
from tsdsl.records import dataclass

if TYPE_CHECKING:
    from tsdsl.engine.training.record import TrainRecord
    from tsdsl.exporting.agreement import Agreement
    from tsdsl.exporting.preprocessing import Sampling
    from tsdsl.exporting.provenance import Provenance
    from tsdsl.lowering import Model
    from tsdsl.space.model import Space

Format: TypeAlias = Literal["python", "pt2", "onnx"]
ENDINGS: dict[Format, str] = {"python": ".py", "pt2": ".pt2", "onnx": ".onnx"}


@dataclass(frozen=True, slots=True)
class Export:
    """The files written, and the largest difference of scores to the model's on random clips.

    `weights` is the file beside Python source; None where the weights are in the file, or there are none but random.
    """

    path: Path
    weights: Path | None
    difference: float
    is_trained: bool


def export(
    architecture: str | PathLike[str],
    output: str | Path | None = None,
    *,
    format: Format | None = None,
    weights: str | Path | None = None,
    model: str | None = None,
    space: str | None = None,
    in_space: str | None = None,
    force: bool = False,
) -> Export:
    """Write one model as PyTorch source, a torch.export program or ONNX, verified to give the same scores.

    `architecture` is a run, an architecture file, or a space without decisions. The format follows from the ending of
    `output`. `weights` are those of a training run by default; `model` scales to one of the space's models. `space`
    names the space in a file of several, `in_space` is the space of an architecture where it is not found. `force`
    overwrites files.

    Raises:
        FileError: a file exists, or cannot be read or written.
        RunError: the exported model does not agree with ours.
        UsageError: the format cannot hold the model, or its libraries are not installed.
    """
    from tsdsl.artifacts.locate import find_architecture, find_scale
    from tsdsl.artifacts.trained import known_class_names, open_trained, training_record
    from tsdsl.exporting.agreement import demand_agreement
    from tsdsl.exporting.onnx import demand_onnx
    from tsdsl.exporting.provenance import Provenance
    from tsdsl.files import write_bytes
    from tsdsl.lowering import Model, save_model
    from tsdsl.network.layout import Blueprint

    architecture = Path(architecture)
    output = None if output is None else Path(output)
    chosen = format or format_of(output)
    if chosen == "onnx":
        demand_onnx()
    output = output or Path(f"model{ENDINGS[chosen]}")
    weights_path = output.with_suffix(".safetensors")
    labels, sampling = None, None
    has_weights = weights is not None or (architecture.is_dir() and (architecture / "weights.safetensors").exists())
    writes_weights = has_weights and chosen == "python"
    for path in (output, *([weights_path] if writes_weights else [])):
        if path.exists() and not force:
            raise FileError(f"{path}: already exists", help="choose another name, or overwrite it with --force")
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
    if writes_weights:
        save_model(weights_path, built, found, labels)
    return Export(output, weights_path if writes_weights else None, agreed.difference, has_weights)


def format_of(output: Path | None) -> Format:
    """The format for a file's ending; Python source for unknown endings."""
    ending = output.suffix if output is not None else ""
    return next((format for format, own in ENDINGS.items() if own == ending), "python")


def _exported(format: Format, space: Space, model: Model, provenance: Provenance) -> tuple[bytes, Agreement]:
    """The content of the file, and how its scores agree with the model's."""
    from tsdsl.exporting import export_onnx, export_pt2, verify_export, verify_onnx, verify_pt2
    from tsdsl.exporting.provenance import export_with_provenance

    if format == "python":
        source = export_with_provenance(space, provenance)
        return source.encode(), verify_export(source, model)
    if format == "pt2":
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
