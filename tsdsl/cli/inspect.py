"""`tsdsl inspect`: exact facts about a space or an architecture."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from tsdsl.cli.options import InSpace, Json, ModelName, OldBudget, SpaceName, Within, renamed
from tsdsl.cli.work.console import facts, print_json
from tsdsl.errors import UsageError


def inspect(
    what: Annotated[
        str | None,
        typer.Argument(metavar="SPACE|ARCH", help="Space, architecture or run; default: the only .tsspace here."),
    ] = None,
    step: Annotated[int | None, typer.Option("--step", help="Show only this step.")] = None,
    within: Within = None,
    fast: Annotated[bool, typer.Option("--fast", help="With --within: bounds of the count, not the count.")] = False,
    model: ModelName = None,
    space: SpaceName = None,
    in_space: InSpace = None,
    json: Json = False,
    old_budget: OldBudget = None,
) -> None:
    """Print sizes, exact cost bounds with an architecture that reaches each, and what is --within a budget."""
    from tsdsl.artifacts.locate import SPACE_FILE, find_architecture, find_scale, find_space
    from tsdsl.units import macs_of

    budget = renamed(within, old_budget, "--budget", "--within")
    if fast and budget is None:
        raise UsageError("--fast has no effect without --within", help="give a budget, for instance 1.4GFLOPs")
    path = Path(what) if what is not None else None
    is_run = path is not None and path.is_dir() and not (path / SPACE_FILE).is_file()
    is_run = is_run or (path is not None and path.is_dir() and any(path.glob("step*/architecture.json")))
    if path is not None and (is_run or (path.suffix == ".json" and path.name != SPACE_FILE)):
        if budget is not None or step is not None:
            raise UsageError("--within and --step have no effect on an architecture", help="leave them out")
        architecture, located = find_architecture(path, in_space)
        _show_network(located.space, architecture.decisions, architecture.step, find_scale(located.space, model), json)
        return
    found = find_space(what, space).space
    if not found.decisions or model is not None:
        if found.decisions:
            raise UsageError(
                f"--model {model} scales one architecture, and space {found.name} has {len(found.decisions)} decisions",
                help="give an architecture of the space",
            )
        _show_network(found, {}, None, find_scale(found, model), json)
        return
    _show_space(found, step, None if budget is None else macs_of(budget, "--within"), fast, json)


def _show_space(space: Any, step: int | None, budget: int | None, fast: bool, as_json: bool) -> None:
    from tsdsl.analysis.questions.bounds import bound
    from tsdsl.analysis.questions.peaks import SENSES, peak_extreme
    from tsdsl.analysis.questions.summary import budget_report, space_report, step_report
    from tsdsl.analysis.tables.cost_table import CostTable
    from tsdsl.analysis.tables.free_space import FreeSpace
    from tsdsl.cli.work.quantities import demand_step
    from tsdsl.cli.work.space_table import print_table
    from tsdsl.network.layout import Blueprint

    demand_step(space, step)
    blueprint = Blueprint(space)
    report = space_report(space)
    if step is not None:
        report["steps"] = [step_report(blueprint, step)]
    shown = report if step is None else report["steps"][0]
    table = CostTable(blueprint, step)
    bounds = {sense: bound(table, "macs", sense) for sense in SENSES}
    report["witnesses"] = {f"{sense}_flops": dict(bound.witness) for sense, bound in bounds.items()}
    for sense in SENSES:
        report["witnesses"][f"{sense}_params"] = dict(bound(table, "params", sense).witness)
        if shown["activation_bytes"] is not None:
            report["witnesses"][f"{sense}_activation_bytes"] = dict(peak_extreme(FreeSpace(table), sense).witness)
    if budget is not None:
        report["budget"] = budget_report(blueprint, step, budget, fast=fast)
    if as_json:
        print_json(report)
        return
    print_table(space, report)
    console = facts()
    for sense, end in bounds.items():
        console.print(f"\n{sense}imum of {end.value:,} multiply-adds, reached by")
        for line in witness_lines(end.witness):
            console.print("  " + line, soft_wrap=True)
    if budget is not None:
        _show_budget(report["budget"])


def witness_lines(architecture: Mapping[str, Any]) -> list[str]:
    """An architecture, one line per group and slot: `sparse.stage1.group1  t=3 k=5 channels=40`."""
    by_place: dict[str, list[str]] = {}
    for path, value in architecture.items():
        place, name = _PLACE.fullmatch(path).groups()  # type: ignore[union-attr]  # every path matches
        shown = f"{value:g}" if isinstance(value, float) else str(value)
        by_place.setdefault(place, []).append(f"{name}={shown}")
    width = max(map(len, by_place), default=0)
    return [f"{place:<{width}}  {' '.join(choices)}" for place, choices in by_place.items()]


# Decisions nested under a slot's `op` stay on the slot's line.
_PLACE = re.compile(r"(.*?)\.(op|op\..*|[^.]*)")


def _show_budget(budget: dict[str, Any]) -> None:
    from tsdsl.cli.work.quantities import scientific

    console = facts()
    fits = "some architectures fit" if budget["reachable"] else "no architecture fits"
    if budget["reachable"] and not budget["binding"]:
        fits = "every architecture fits"
    console.print(f"\nbudget of {budget['flops']:,} multiply-adds: {fits}")
    at_least, at_most = int(budget["at_least"]), int(budget["at_most"])
    if at_least == at_most:
        console.print(f"  {at_least:,} of {int(budget['total']):,} architectures, a share of {budget['share']:.4g}")
    else:
        count = f"{scientific(at_least)} to {scientific(at_most)} of {scientific(int(budget['total']))}"
        console.print(f"  {count} architectures, a share of about {budget['share']:.2g}")
    dead = budget["dead_choices"]
    for path, rows in budget["marginals"].items():
        shares = ", ".join(
            f"{row['value']} {row['share']:.1%}" for row in rows if row["value"] not in dead.get(path, ())
        )
        never = f"; never {', '.join(str(value) for value in dead[path])}" if path in dead else ""
        console.print(f"  {path}: {shares}{never}")
    for path, values in dead.items():
        if path not in budget["marginals"]:
            console.print(f"  {path}: never {', '.join(str(value) for value in values)}")


def _show_network(space: Any, decisions: Any, step: int | None, scale: Any, as_json: bool) -> None:
    from rich.table import Table

    from tsdsl.analysis.questions.summary import network_report
    from tsdsl.network.layout import Blueprint

    blueprint = Blueprint(space, scale=scale)
    report = {"space": space.name, "model": scale.name or None}
    report |= network_report(blueprint.network(decisions, step))
    if as_json:
        print_json(report)
        return
    table = Table(title=f"{space.name}, {blueprint.size} px", title_justify="left")
    table.add_column("part")
    for column in ("multiply-adds", "parameters", "C x T x H x W"):
        table.add_column(column, justify="right")
    for part in report["parts"]:
        table.add_row(part["name"], f"{part['flops']:,}", f"{part['params']:,}", " x ".join(map(str, part["shape"])))
    table.add_section()
    table.add_row("total", f"{report['flops']:,}", f"{report['params']:,}", "")
    facts().print(table)
    facts().print(f"parameters without BN: {report['params_without_norm']:,}")
    facts().print(f"activations: {report['activation_bytes']:,} bytes at most at once, scoring a clip in float32")
