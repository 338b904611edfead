"""`tsdsl compile`: check, facts, the lowered space and drawings in one folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsdsl.artifacts.locate import BUILD, SPACE_FILE
from tsdsl.cli.console import facts, messages, note, print_json
from tsdsl.space.model import Space

if TYPE_CHECKING:
    from tsdsl.network.layout import Blueprint


def compile_space(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A .tsspace file or std:NAME.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Folder to write; default build/<space>.", show_default=False),
    ] = None,
    space: Annotated[str | None, typer.Option("--space", help="Which space, where the file holds several.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the facts as JSON.")] = False,
) -> None:
    """Check a space, tell exact facts about it, check that its supernet builds, and draw it."""
    from tsdsl.analysis.questions.summary import space_report
    from tsdsl.api import pick
    from tsdsl.check.check import check
    from tsdsl.diagnostics.render import concise, render_rich
    from tsdsl.errors import SpaceError
    from tsdsl.files import write_json, write_text
    from tsdsl.network.layout import Blueprint
    from tsdsl.render import draw_space
    from tsdsl.source_files import read_source

    source = read_source(file)
    checked = check(source)
    errors = [d for d in checked.diagnostics if d.severity == "error"]
    if errors:
        raise SpaceError(f"{file}: has errors\n" + "\n".join(map(concise, errors)), checked.diagnostics)
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
    """The shared parameters of the supernet, which is built on the meta device: every size, no memory."""
    import torch

    from tsdsl.lowering import Supernet

    with torch.device("meta"):
        return sum(parameter.numel() for parameter in Supernet(blueprint).parameters())


def _step_file(space: Space, step: dict[str, Any]) -> dict[str, Any]:
    """What a step decides, with the values of each decision, and what is present once it is done."""
    return {
        **step,
        "values": {path: list(space.decision_by_path[path].values) for path in step["decisions"]},
        "present": sorted(space.present_after(step["step"])),
    }


def print_table(space: Space, report: dict[str, Any]) -> None:
    """The table of groups with shapes and cost ranges, and the sizes of the steps and of the whole."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from tsdsl.analysis.amounts import giga
    from tsdsl.analysis.questions.summary import part_rows

    console = facts()
    title = f"{space.name}, {space.classes} classes, {space.size} px; multiply-adds in millions"
    parts = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    parts.add_column("part", no_wrap=True)
    parts.add_column("operator and choices", overflow="fold")
    for column in ("CxTxHxW", "multiply-adds"):
        parts.add_column(column, justify="right", no_wrap=True)
    section = None
    for row in sorted(part_rows(space), key=lambda row: _section(space, row.name)):
        head, _, rest = row.name.partition(".")
        if head != section:
            parts.add_section()
            parts.add_row(f"[bold]{head}[/bold]")
            section = head
        choices = "  ".join(f"{SHORT.get(name, name)} {_span(values)}" for name, values in row.choices)
        cost = _mega(row.least_macs)
        if row.most_macs != row.least_macs:
            cost += f" .. {_mega(row.most_macs)}"
        c, t, h, w = row.shape
        parts.add_row(f"  {rest or 'classifier'}", f"{row.operator}  {choices}".strip(), f"{c}x{t}x{h}x{w}", cost)
    console.print(parts)
    steps = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for column in ("step", "title", "decisions", "architectures", "target", "within", "min", "max"):
        steps.add_column(column, justify="left" if column == "title" else "right", no_wrap=column != "title")
    for step in report["steps"]:
        target = giga(step["target"]) if step["target"] else ""
        bounds = [giga(step["flops"][end]) for end in ("min", "max")]
        size = scientific(int(step["cardinality"]))
        steps.add_row(str(step["step"]), step["title"], str(len(step["decisions"])), size, target, share(step), *bounds)
    if report["steps"]:
        console.print(steps)
    whole = int(report["cardinality"])
    console.print(f"architectures  {whole:,}")
    if space.requires:
        low, high = (int(report["satisfying"][end]) for end in ("at_least", "at_most"))
        number = f"{low:,}" if low == high else f"{scientific(low)} to {scientific(high)}"
        console.print(f"satisfying     {number} of them satisfy every `require`")
    sure = "" if report["flops"].get("exact", True) else ", of those that are sure to satisfy them"
    console.print(f"multiply-adds  {giga(report['flops']['min'])} .. {giga(report['flops']['max'])} a clip{sure}")
    console.print(f"parameters     {report['params']['min']:,} .. {report['params']['max']:,}")
    console.print(f"activations    {peaks(report['activation_bytes'])}")
    if "supernet_params" in report:
        console.print(f"supernet       {report['supernet_params']:,} parameters, shared by all")


def share(step: dict[str, Any]) -> str:
    """The share of the architectures up to a step that are within its target: `0.36 %`, `6.6e-07`."""
    within = step["within_target"]
    if within is None or not within["reachable"]:
        return "" if within is None else "none"
    if not within["binding"]:
        return "all"
    part: float = within["share"]
    if part >= 0.1:
        return f"{part:.0%}".replace("%", " %")
    return f"{part * 100:.2g} %" if part >= 1e-4 else f"{part:.1e}"


def peaks(bounds: dict[str, int] | None) -> str:
    """The range of the bytes of activations: `36.9 .. 89.7 MB at most at once, ...`."""
    if bounds is None:
        return "too many decisions meet for an exact peak"
    low, high = (f"{bounds[end] / 1e6:.3g}" for end in ("min", "max"))
    sure = "" if bounds.get("exact", True) else ", of those that are sure to satisfy them"
    return f"{low if low == high else f'{low} .. {high}'} MB at most at once, scoring a clip in float32{sure}"


SHORT = {"expansion": "e", "channels": "c", "kernel": ""}


def _section(space: Space, name: str) -> int:
    """Streams in order, then fusion, attention and head."""
    order = [*(stream.name for stream in space.streams), "fusion", "attention", "head"]
    return order.index(name.split(".", 1)[0])


def _span(values: str) -> str:
    """`32, 40, 48` as `32..48`, `3, 5` as `3,5`, alternatives as they are."""
    items = values.split(", ")
    return f"{items[0]}..{items[-1]}" if len(items) > 2 else ",".join(items)


def _mega(macs: int) -> str:
    return f"{macs / 1e6:.3g}" if macs < 999_500_000 else f"{macs / 1e6:,.0f}"


def scientific(count: int) -> str:
    """A large integer for a reader: `3.31e24`."""
    digits = str(count)
    if len(digits) <= 6:
        return digits
    leading = round(int(digits[:6]) / 1000)
    return f"{leading / 100:.2f}e{len(digits) - 1}" if leading < 1000 else f"1.00e{len(digits)}"
