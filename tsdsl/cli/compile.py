"""`tsdsl compile`: checks a space and writes facts, the resolved space and a drawing to one folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsdsl.artifacts.locate import BUILD, SPACE_FILE
from tsdsl.cli.options import Json, SpaceName
from tsdsl.cli.work.console import messages, note, print_json
from tsdsl.space.model import Space

if TYPE_CHECKING:
    from tsdsl.network.layout import Blueprint


def compile_space(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A .tsspace file or std:NAME.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder to write; default: build/SPACE.")
    ] = None,
    space: SpaceName = None,
    json: Json = False,
) -> None:
    """Check a space, print exact facts about it, verify that its supernet builds, and draw it."""
    from tsdsl.analysis.questions.summary import space_report
    from tsdsl.check.check import check
    from tsdsl.check.load import pick
    from tsdsl.cli.work.space_table import print_table
    from tsdsl.diagnostics.render import concise, render_rich
    from tsdsl.drawing import draw_space
    from tsdsl.errors import SpaceError
    from tsdsl.files import write_json, write_text
    from tsdsl.network.layout import Blueprint
    from tsdsl.source_files import read_source

    source = read_source(file)
    checked = check(source)
    errors = [d for d in checked.diagnostics if d.severity == "error"]
    if errors:
        raise SpaceError(f"{file}: has errors\n" + "\n".join(map(concise, errors)), tuple(checked.diagnostics))
    render_rich(checked.diagnostics, messages())
    resolved = pick([r.space for r in checked.spaces], space, file)
    folder = output or BUILD / resolved.name
    report = space_report(resolved)
    report["supernet_params"] = _supernet_parameters(Blueprint(resolved))
    for step in report["steps"]:
        write_json(folder / "steps" / f"{step['step']}.json", _step_file(resolved, step))
    write_json(folder / "report.json", report)
    write_text(folder / "space.svg", draw_space(resolved))
    write_json(folder / SPACE_FILE, resolved.to_dict())
    if json:
        print_json(report)
    else:
        print_table(resolved, report)
        note(f"wrote {folder}/: space.json, report.json, steps/, space.svg")


def _supernet_parameters(blueprint: Blueprint) -> int:
    """The number of shared parameters of the supernet, built on the meta device without memory."""
    import torch

    from tsdsl.lowering import Supernet

    with torch.device("meta"):
        return sum(parameter.numel() for parameter in Supernet(blueprint).parameters())


def _step_file(space: Space, step: dict[str, Any]) -> dict[str, Any]:
    """The decisions of a step with their values, and the parts present after it."""
    return {
        **step,
        "values": {path: list(space.decision_by_path[path].values) for path in step["decisions"]},
        "present": sorted(space.present_after(step["step"])),
    }
