"""`tsdsl diff`: what changed in meaning between two spaces, and what the change breaks."""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsdsl.cli.options import Json, SpaceName
from tsdsl.cli.work.console import print_json
from tsdsl.cli.work.quantities import scientific
from tsdsl.units import scaled

if TYPE_CHECKING:
    from tsdsl.analysis.comparison.changes import Changed
    from tsdsl.analysis.comparison.compare import Bounds, Comparison
    from tsdsl.analysis.comparison.setting_places import Values
    from tsdsl.analysis.questions.counting import Bracket
    from tsdsl.space.model import Space

MAX_LINES = 20
MAX_REASONS = 4


class Breaking(StrEnum):
    """What a change can break."""

    source = "source"
    architectures = "architectures"
    weights = "weights"


def diff(
    old: Annotated[str, typer.Argument(help="The old space: a file, std:NAME or a compiled folder.")],
    new: Annotated[str, typer.Argument(help="The new space.")],
    space: SpaceName = None,
    fail_on: Annotated[
        list[Breaking] | None, typer.Option("--fail-on", help="Exit with 1 if this breaks; repeatable. Default: all.")
    ] = None,
    json: Json = False,
) -> None:
    """Compare the meaning of two spaces.

    Exit code 0: nothing breaks, 1: something breaks or a space has errors, 2: wrong usage, 3: a file cannot be read.
    """
    from tsdsl.analysis.comparison.compare import compare
    from tsdsl.artifacts.locate import find_space

    comparison = compare(find_space(old, space).space, find_space(new, space).space)
    if json:
        print_json(comparison_facts(comparison))
    else:
        for line in comparison_lines(comparison, old, new):
            print(line)
    guarded = {kind.value.upper() for kind in fail_on or list(Breaking)}
    raise typer.Exit(1 if guarded & set(comparison.breaks) else 0)


def comparison_facts(found: Comparison) -> dict[str, Any]:
    """The facts as JSON; numbers of architectures are strings, because they exceed what JSON readers can hold."""
    both = found.in_both
    ratio = found.size_ratio
    return {
        "old": _space_facts(found.old, found.old_count, found.old_bounds),
        "new": _space_facts(found.new, found.new_count, found.new_bounds),
        "same": found.same_meaning,
        "settings": [_change_facts(change) for change in found.settings],
        "fixed": [_change_facts(change) for change in found.fixed],
        "budgets": [_change_facts(change) for change in found.budgets],
        "names": [{"name": change.path, "change": change.change} for change in found.names],
        "size_ratio": ratio and {"numerator": str(ratio.numerator), "denominator": str(ratio.denominator)},
        "architectures": {
            "both": None if both is None else str(both),
            "only_old": _rest(found.old_count, both),
            "only_new": _rest(found.new_count, both),
        },
        "weights": {
            "kept": found.weights.kept,
            "changed": {name: [list(was), list(now)] for name, (was, now) in found.weights.changed.items()},
            "removed": {name: list(sizes) for name, sizes in found.weights.removed.items()},
            "added": {name: list(sizes) for name, sizes in found.weights.added.items()},
        },
        "breaks": {kind: list(reasons) for kind, reasons in found.breaks.items()},
    }


def _rest(count: Bracket, both: int | None) -> str | None:
    return None if both is None or not count.is_exact else str(count.at_least - both)


def _space_facts(space: Space, count: Bracket, bounds: Bounds) -> dict[str, Any]:
    return {
        "space": space.name,
        "fingerprint": space.fingerprint,
        "cardinality": str(space.cardinality),
        "satisfying": {"at_least": str(count.at_least), "at_most": str(count.at_most)},
        "flops": {"min": bounds.least_macs, "max": bounds.most_macs},
        "params": {"min": bounds.least_params, "max": bounds.most_params},
    }


def _change_facts(change: Changed) -> dict[str, Any]:
    return {"path": change.path, "change": change.change, "old": list(change.old), "new": list(change.new)}


def comparison_lines(found: Comparison, old: str, new: str) -> list[str]:
    """The facts as lines of text."""
    lines = [f"{found.old.name} ({old}) -> {found.new.name} ({new})"]
    changes = [*found.fixed, *found.settings]
    width = max((len(change.path) for change in changes[:MAX_LINES]), default=0)
    lines += [_change_line(change, width) for change in changes[:MAX_LINES]]
    if len(changes) > MAX_LINES:
        lines.append(f"  ... and {len(changes) - MAX_LINES} more; --json lists all")
    lines += [f"  {change.change:<8}  {change.path}" for change in found.names]
    lines += [f"  changed   {c.path}  {_budget(c.old)} -> {_budget(c.new)}" for c in found.budgets]
    if found.same_meaning:
        lines.append(f"  nothing {'else ' if found.budgets else ''}changed in meaning")
    ratio = f", {_ratio(found.size_ratio)}" if found.size_ratio is not None else ""
    lines.append(f"architectures  {_bracket(found.old_count)} -> {_bracket(found.new_count)}{ratio}")
    both = found.in_both
    only_old, only_new = _rest(found.old_count, both), _rest(found.new_count, both)
    if both is None or only_old is None or only_new is None:
        lines.append("               the number in both is unknown, because of constraints or shared decisions")
    else:
        lines.append(f"               {_count(both)} in both, {_count(int(only_old))} only in the old, ")
        lines[-1] += f"{_count(int(only_new))} only in the new"
    before, after = found.old_bounds, found.new_bounds
    spans = [(b.least_macs, b.most_macs) for b in (before, after)]
    lines.append("FLOPs          " + " -> ".join(f"{_si(low)} .. {_si(high)}" for low, high in spans))
    spans = [(b.least_params, b.most_params) for b in (before, after)]
    lines.append("parameters     " + " -> ".join(f"{_si(low)} .. {_si(high)}" for low, high in spans))
    weights = found.weights
    lines.append(
        f"weights        {weights.kept} tensors kept, {len(weights.changed)} resized, "
        f"{len(weights.removed)} removed, {len(weights.added)} added"
    )
    for kind, reasons in found.breaks.items():
        lines.append(f"breaks {kind}")
        lines += [f"  {reason}" for reason in reasons[:MAX_REASONS]]
        if len(reasons) > MAX_REASONS:
            lines.append(f"  ... and {len(reasons) - MAX_REASONS} more")
    if not found.breaks:
        lines.append("breaks nothing")
    return lines


def _change_line(change: Changed, width: int) -> str:
    sides = [_values(side) for side in (change.old, change.new) if side]
    return f"  {change.change:<8}  {change.path:<{width}}  {' -> '.join(sides)}"


def _budget(values: Values) -> str:
    return ", ".join(f"{value:,}" if isinstance(value, int) else str(value) for value in values)


def _values(values: Values) -> str:
    return ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)


def _bracket(count: Bracket) -> str:
    if count.is_exact:
        return _count(count.at_least)
    return f"{_count(count.at_least)} to {_count(count.at_most)}"


def _count(number: int) -> str:
    return f"{number:,}" if number < 10**9 else scientific(number)


def _ratio(ratio: Fraction) -> str:
    if ratio == 1:
        return "unchanged"
    larger = max(ratio, 1 / ratio)
    whole = _count(int(larger)) if larger >= 100 else f"{float(larger):.4g}"
    return f"{whole} times as many" if ratio > 1 else f"{whole} times fewer"


def _si(number: int) -> str:
    return scaled(number) or str(number)
