"""`tsdsl verify`: checks an architecture, weights, a run or an export against its space."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tsdsl.artifacts.verify_export import VERIFIERS
from tsdsl.artifacts.verify_report import Report
from tsdsl.cli.options import InSpace, Json
from tsdsl.cli.work.console import facts, print_json
from tsdsl.errors import FileError, TsdslError, UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from tsdsl.space.architecture import Architecture
    from tsdsl.space.model import Space


def verify(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Architecture, weights, export, or a run.")],
    in_space: InSpace = None,
    weights: Annotated[
        Path | None, typer.Option("--weights", help="Weights file to compare the scores of an .onnx file with.")
    ] = None,
    json: Json = False,
) -> None:
    """Recompute everything about an artifact and compare.

    Exit code 0: all is right, 1: something is wrong, 3: the file cannot be read.
    """
    if weights is not None and path.suffix != ".onnx":
        raise UsageError(f"--weights has no effect on {path}", help="it is for .onnx files")
    report = Report()
    if path.is_dir():
        _verify_run(path, in_space, report)
    elif path.suffix in VERIFIERS:
        VERIFIERS[path.suffix](path, in_space, weights, report)
    elif path.suffix == ".safetensors":
        _verify_weights(path, in_space, report)
    else:
        _verify_architecture(path, in_space, report)
    if json:
        print_json({"file": str(path), "right": report.right, "wrong": report.wrong})
    else:
        console = facts()
        for fact in report.right:
            console.print(f"  ok     {fact}", markup=False, soft_wrap=True)
        for fact in report.wrong:
            console.print(f"  WRONG  {fact}", markup=False, soft_wrap=True)
    raise typer.Exit(1 if report.wrong else 0)


def _verify_architecture(path: Path, in_space: str | None, report: Report) -> None:
    """Verify that the decisions are in the space and the recorded costs are right."""
    from tsdsl.analysis.tables.cost_table import architecture_cost
    from tsdsl.artifacts.locate import find_architecture
    from tsdsl.network.layout import Blueprint

    try:
        architecture, located = find_architecture(path, in_space)
    except FileError as error:
        if "is not an architecture of" not in error.message:
            raise
        report.wrong.append(error.message)
        return
    space = located.space
    name = path.name if path.parent == Path() else str(path)
    report.right.append(f"{name}: every decision is in {located.label} ({space.fingerprint})")
    macs, params, _ = architecture_cost(Blueprint(space), architecture.decisions, architecture.step)
    for what, said, true in (("multiply-adds", architecture.flops, macs), ("parameters", architecture.params, params)):
        if said is not None:
            report.expect(said == true, f"{name}: {true:,} {what}", f"{name}: expected {true:,} {what}, got {said:,}")
    if architecture.step is not None and architecture.lineage:
        target = space.step(architecture.step).target_macs
        if target is not None:
            report.expect(
                macs <= target,
                f"{name}: within the target of step {architecture.step}, {target:,}",
                f"{name}: {macs:,} multiply-adds exceed the target of step {architecture.step}, {target:,}",
            )


def _verify_weights(path: Path, in_space: str | None, report: Report) -> None:
    """Verify that the tensors are finite and have the names and shapes of their model or supernet."""
    from tsdsl.artifacts.locate import find_space, space_of
    from tsdsl.lowering import read_weights_architecture
    from tsdsl.lowering.weights import read_tensors
    from tsdsl.space.architecture import problems, read_architecture

    tensors = read_tensors(path)
    saved = read_weights_architecture(path)
    beside = path.parent / "architecture.json"
    if in_space is not None:
        space = find_space(in_space).space
    elif saved is not None or beside.exists():
        space = space_of(path, saved or read_architecture(beside)).space
    else:
        raise UsageError(f"{path}: does not name its space", help="give the space with --in FILE")
    wrong = problems(space, saved) if saved is not None else []
    if wrong:
        report.wrong += [f"{path}: {problem}" for problem in wrong]
        return
    differences = _differences(path, space, saved, tensors)
    what = "the supernet" if saved is None else "the model of its architecture"
    report.expect(
        not all(differences),
        f"{path}: has the tensors of {what} in {space.name}",
        f"{path}: is not {what} in {space.name}: {differences[0]}",
    )
    if not all(differences):  # else they may be larger than memory
        finite = all(bool(tensor.isfinite().all()) for tensor in tensors.values() if tensor.is_floating_point())
        report.expect(finite, f"{path}: {len(tensors)} tensors, all finite", f"{path}: has values that are not finite")


def _differences(path: Path, space: Space, saved: Architecture | None, tensors: Mapping[str, Tensor]) -> list[str]:
    """How the tensors differ from the supernet, or from the model at each possible scale; empty if equal."""
    import torch

    from tsdsl.artifacts.trained import training_record
    from tsdsl.lowering import Model, Supernet
    from tsdsl.lowering.weights import mismatch, num_classes
    from tsdsl.network.layout import UNSCALED, Blueprint

    classes = num_classes(path, tensors)
    with torch.device("meta"):
        if saved is None:
            return [mismatch(Supernet(Blueprint(space, classes=classes)).state_dict(), tensors)]
        record = training_record(path.parent)
        scales = (record.scale,) if record is not None else (UNSCALED, *space.models)
        blueprints = [Blueprint(space, classes=classes, scale=scale) for scale in scales]
        return [mismatch(Model(b.network(saved.decisions, saved.step)).state_dict(), tensors) for b in blueprints]


def _verify_files(folder: Path, report: Report) -> None:
    """Compare the files of a run or a step with the hashes that it wrote."""
    from tsdsl.engine.runs.checkpoint import CheckpointStore
    from tsdsl.engine.runs.directory import RunDirectory
    from tsdsl.engine.runs.evaluations import recorded_evaluations
    from tsdsl.searching.step import LOGS

    run = RunDirectory(folder)
    try:
        kind = run.kind()
        found = run.problems() if run.result.exists() else CheckpointStore(run.checkpoints, logs=LOGS).problems()
        problems = list(found)
        recorded_evaluations(folder)
    except FileError as error:
        kind, problems = "run", [error.message]
    report.expect(not problems, f"{folder}: the files of this {kind} are as they were written", "; ".join(problems))


def _verify_run(path: Path, in_space: str | None, report: Report) -> None:
    """Verify the architecture and weights of each step, and that steps keep earlier decisions."""
    from tsdsl.artifacts.locate import newest_architecture, step_order
    from tsdsl.space.architecture import read_architecture

    folders = sorted({file.parent for file in path.rglob("architecture.json")}, key=step_order)
    for settings in sorted(path.rglob("settings.json")):
        _verify_files(settings.parent, report)
    if not folders:
        newest_architecture(path)
    before: dict[str, object] = {}
    for folder in folders:
        _verify_architecture(folder / "architecture.json", in_space, report)
        weights = folder / "weights.safetensors"
        if weights.exists():
            try:
                _verify_weights(weights, in_space, report)
            except TsdslError as error:
                report.wrong.append(error.message)
        if folder.name.startswith("step"):
            decisions = read_architecture(folder / "architecture.json").decisions
            changed = [name for name, value in before.items() if decisions.get(name) != value]
            if before:
                report.expect(
                    not changed,
                    f"{folder}: keeps the {len(before)} decisions of earlier steps",
                    f"{folder}: changed decisions of earlier steps: {', '.join(changed)}",
                )
            before = dict(decisions)
