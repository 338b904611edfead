"""Verifies exported files by exporting again from their recorded origin. Their Python code is never executed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tsdsl.artifacts.verify_report import Report
from tsdsl.files.reading import open_regular

if TYPE_CHECKING:
    from tsdsl.exporting.description import StoredDescription
    from tsdsl.exporting.provenance import Provenance
    from tsdsl.lowering import Model
    from tsdsl.space.model import Space


def source_file(path: Path, in_space: str | None, weights: Path | None, report: Report) -> None:
    """Verify that exporting again from its provenance gives the same text as a .py file."""
    from tsdsl.exporting.provenance import export_with_provenance, read_provenance

    text, provenance = read_provenance(path)
    space = _space(path, in_space, provenance, report)
    if space is None:
        return
    report.expect(
        export_with_provenance(space, provenance) == text,
        f"{path}: is what export writes for its architecture in {space.name}",
        f"{path}: differs from what export writes for its architecture: it was edited, or written by another version",
    )


def pt2_file(path: Path, in_space: str | None, weights: Path | None, report: Report) -> None:
    """Verify that exporting again from its provenance and weights gives the same bytes as a .pt2 file."""
    import torch

    from tsdsl.exporting import export_pt2
    from tsdsl.exporting.pt2 import program_name, read_pt2, read_pt2_weights
    from tsdsl.lowering import Model
    from tsdsl.lowering.weights import mismatch

    described, declared = read_pt2(path)
    space = _described(path, in_space, described, report)
    if space is None:
        return
    model = Model(described.network(space), seed=0)
    state = model.state_dict()
    expected = {program_name(name): tensor for name, tensor in state.items()}
    problem = mismatch(expected, declared)
    report.expect(
        not problem,
        f"{path}: has the weights of its architecture in {space.name}",
        f"{path}: weights differ from its architecture in {space.name}: {problem}",
    )
    if problem:
        return
    tensors = read_pt2_weights(path, expected)
    finite = all(bool(tensor.isfinite().all()) for tensor in tensors.values() if tensor.is_floating_point())
    report.expect(finite, f"{path}: {len(tensors)} tensors, all finite", f"{path}: has values that are not finite")
    if described.torch_version != torch.__version__:
        report.wrong.append(
            f"{path}: expected torch {torch.__version__}, got a program of torch {described.torch_version}; "
            "they cannot be compared"
        )
        return
    model.load_state_dict({name: tensors[program_name(name)] for name in state})
    made = export_pt2(model, described.provenance)
    with open_regular(path) as file:
        is_same = file.read(len(made) + 1) == made
    report.expect(
        is_same,
        f"{path}: is what export writes for its architecture and weights",
        f"{path}: differs from what export writes for its architecture and weights: it was changed",
    )


def onnx_file(path: Path, in_space: str | None, weights: Path | None, report: Report) -> None:
    """Verify that an .onnx file is unchanged, has the right sizes, and with `weights` gives our model's scores."""
    from tsdsl.exporting.onnx import BATCH, INPUT, OUTPUT, read_onnx, read_onnx_description, verify_onnx

    described = read_onnx_description(path)
    space = _described(path, in_space, described, report)
    if space is None:
        return
    network = described.network(space)
    stored = read_onnx(path, network)
    report.expect(
        stored.unchanged, f"{path}: is unchanged since its export", f"{path}: was changed after it was exported"
    )
    sizes = {INPUT: (BATCH, 3, network.frames, network.size, network.size), OUTPUT: (BATCH, network.classes)}
    shown = " x ".join(str(size) for size in sizes[INPUT])
    report.expect(
        stored.sizes == sizes,
        f"{path}: takes clips {shown}, and scores {network.classes} classes",
        f"{path}: expected sizes {sizes}, got {stored.sizes}",
    )
    if weights is None or report.wrong:
        return
    found = verify_onnx(stored.content, _model(described, space, weights))
    report.expect(
        found.holds,
        f"{path}: same scores as ours with {weights} (largest difference {found.difference:.2g})",
        f"{path}: its scores differ by {found.difference:.3g} from ours with {weights}",
    )


Verifier = Callable[[Path, str | None, Path | None, Report], None]
VERIFIERS: Mapping[str, Verifier] = {".py": source_file, ".pt2": pt2_file, ".onnx": onnx_file}


def _model(described: StoredDescription, space: Space, weights: Path) -> Model:
    from tsdsl.lowering import Model, load_weights

    model = Model(described.network(space))
    load_weights(weights, model)
    return model


def _described(path: Path, in_space: str | None, described: StoredDescription, report: Report) -> Space | None:
    """The space of an exported program; None if its architecture is not in it. Problems are reported."""
    space = _space(path, in_space, described.provenance, report)
    if space is not None:
        problems = described.problems(space)
        report.wrong += [f"{path}: {problem}" for problem in problems]
        if not problems:
            report.right.append(f"{path}: its labels and preprocessing are those of its model")
    return space


def _space(path: Path, in_space: str | None, provenance: Provenance, report: Report) -> Space | None:
    """The space of an export; None if its architecture is not in it."""
    from tsdsl.artifacts.locate import find_space, space_of
    from tsdsl.space.architecture import problems

    architecture = provenance.architecture
    located = find_space(in_space) if in_space is not None else space_of(path, architecture)
    wrong = problems(located.space, architecture)
    report.wrong += [f"{path}: {problem}" for problem in wrong]
    return None if wrong else located.space
