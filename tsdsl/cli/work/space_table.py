"""The table of a space: its groups with shapes and costs, its steps, and the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tsdsl.cli.work.console import facts
from tsdsl.cli.work.quantities import scientific

if TYPE_CHECKING:
    from tsdsl.space.model import Space

SHORT = {"expansion": "e", "channels": "c", "kernel": ""}


def print_table(space: Space, report: dict[str, Any]) -> None:
    """Print the groups with shapes and cost ranges, the steps and the totals; `report` is `space_report`'s."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from tsdsl.analysis.questions.summary import part_rows
    from tsdsl.units import giga

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
            parts.add_row(Text(head, "bold"))
            section = head
        choices = "  ".join(f"{SHORT.get(name, name)} {_span(values)}" for name, values in row.choices)
        cost = _mega(row.least_macs)
        if row.most_macs != row.least_macs:
            cost += f" .. {_mega(row.most_macs)}"
        shape = str(row.shape).replace(" ", "")
        parts.add_row(f"  {rest or 'classifier'}", f"{row.operator}  {choices}".strip(), shape, cost)
    console.print(parts)
    steps = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for column in ("step", "title", "decisions", "architectures", "target", "within", "min", "max"):
        steps.add_column(column, justify="left" if column == "title" else "right", no_wrap=column != "title")
    for step in report["steps"]:
        target = giga(step["target"]) if step["target"] else ""
        bounds = [giga(step["flops"][end]) for end in ("min", "max")]
        size = scientific(int(step["cardinality"]))
        steps.add_row(
            str(step["step"]), step["title"], str(len(step["decisions"])), size, target, _share(step), *bounds
        )
    if report["steps"]:
        console.print(steps)
    whole = int(report["cardinality"])
    console.print(f"architectures  {whole:,}")
    if space.requires:
        low, high = (int(report["satisfying"][end]) for end in ("at_least", "at_most"))
        number = f"{low:,}" if low == high else f"{scientific(low)} to {scientific(high)}"
        console.print(f"satisfying     {number} of them satisfy every `require`")
    sure = "" if report["flops"].get("exact", True) else "; bounds over architectures proved to satisfy them"
    console.print(f"multiply-adds  {giga(report['flops']['min'])} .. {giga(report['flops']['max'])} a clip{sure}")
    console.print(f"parameters     {report['params']['min']:,} .. {report['params']['max']:,}")
    console.print(f"activations    {_peaks(report['activation_bytes'])}")
    if "supernet_params" in report:
        console.print(f"supernet       {report['supernet_params']:,} parameters, shared by all")


def _share(step: dict[str, Any]) -> str:
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


def _peaks(bounds: dict[str, int] | None) -> str:
    """The range of the bytes of activations: `36.9 .. 89.7 MB at most at once, ...`."""
    if bounds is None:
        return "no exact peak: too many decisions interact"
    low, high = (f"{bounds[end] / 1e6:.3g}" for end in ("min", "max"))
    sure = "" if bounds.get("exact", True) else "; bounds over architectures proved to satisfy them"
    return f"{low if low == high else f'{low} .. {high}'} MB at most at once, scoring a clip in float32{sure}"


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
