"""Targets of steps that decide nothing, cannot be met, or exclude choices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tsdsl.analysis.questions.bounds import bound, extremes, is_exact
from tsdsl.analysis.questions.least_by_value import least_by_value
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.analysis.tables.elimination import UNREACHABLE
from tsdsl.analysis.tables.free_space import Bound, FreeSpace
from tsdsl.check.merge_duplicates import item_of
from tsdsl.check.subject import Subject
from tsdsl.diagnostics import Diagnostic, Label, replacement
from tsdsl.network.layout import Blueprint
from tsdsl.space.model import Space
from tsdsl.space.parts import Step
from tsdsl.units import at_least, giga

MAX_CHOICES_SHOWN = 4


def budgets(subject: Subject) -> Iterator[Diagnostic]:
    """TS404, TS405 and TS406: targets that no architecture meets, that all meet, or that exclude a choice."""
    for step in subject.space.steps:
        if step.target_macs is None:
            continue
        table = CostTable(subject.blueprint, step.index)
        if not subject.space.requires and table.divides(step.target_macs):
            if not table.leaves_every_choice(step.target_macs):
                yield from _dead_choices(subject, FreeSpace(table), step)
            continue
        low, high = extremes(table, "macs")
        sure = is_exact(table, "macs")
        span = subject.origins[f"step{step.index}.target"]
        if low > step.target_macs and sure:
            yield Diagnostic(
                "TS404",
                f"no architecture of step {step.index} meets the target of {giga(step.target_macs)}",
                subject.source,
                span,
                f"the smallest has {giga(low)}",
                (Label(subject.origins[f"step{step.index}"], f"from {giga(low)} to {giga(high)}"),),
                notes=(
                    *_reached_by(bound(table, "macs", "min"), "the smallest"),
                    *_unconstrained(subject.space, step, low),
                ),
                help=f"raise the target to at least {at_least(low)}, or add smaller choices",
                fixes=(replacement(f"raise the target to {at_least(low)}", span, at_least(low)),),
            )
        elif high <= step.target_macs and sure:
            middle = at_least((low + high) // 2)
            yield Diagnostic(
                "TS405",
                f"every architecture of step {step.index} meets the target of {giga(step.target_macs)}",
                subject.source,
                span,
                f"the largest has {giga(high)}",
                (Label(subject.origins[f"step{step.index}"], f"from {giga(low)} to {giga(high)}"),),
                notes=_reached_by(bound(table, "macs", "max"), "the largest"),
                help="lower the target so that it excludes something, or remove it",
                fixes=(replacement(f"lower the target to {middle}", span, middle),),
            )
        elif subject.space.requires or not table.leaves_every_choice(step.target_macs):
            yield from _dead_choices(subject, FreeSpace(table), step)


def _reached_by(bound: Bound, which: str) -> tuple[str, ...]:
    """A note with the architecture that reaches a bound, its first choices in full."""
    chosen = [
        f"{path} = {f'{value:g}' if isinstance(value, float) else value}" for path, value in bound.witness.items()
    ]
    more = f" and {len(chosen) - MAX_CHOICES_SHOWN} more choices" if len(chosen) > MAX_CHOICES_SHOWN else ""
    return (f"{which} has {', '.join(chosen[:MAX_CHOICES_SHOWN])}{more}",) if chosen else ()


def _unconstrained(space: Space, step: Step, low: int) -> Iterator[str]:
    """A note where the constraints make the smallest architecture larger."""
    if space.requires:
        without = CostTable(Blueprint(replace(space, requires=())), step.index)
        smallest, _ = extremes(without, "macs")
        if smallest < low:
            yield f"without the constraints, the smallest would have {giga(smallest)}"


def _dead_choices(subject: Subject, free: FreeSpace, step: Step) -> Iterator[Diagnostic]:
    target = step.target_macs or 0
    least = least_by_value(free)
    for path in step.decisions:
        dead = [value for value, macs in least.get(path, {}).items() if target < macs < UNREACHABLE]
        parent = subject.space.decision_by_path[path].parent
        # A decision nested under a dead alternative is dead with it; only the alternative is reported.
        above = least.get(parent.path, {}) if parent is not None else {}
        if not dead or (parent is not None and min(above.get(value, 0) for value in parent.values) > target):
            continue
        needed = min(least[path][value] for value in dead)
        place = subject.origins[path]
        if len(dead) == 1:
            place = item_of((place.source or subject.source).text, place, dead[0])
        values = ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in dead)
        yield Diagnostic(
            "TS406",
            f"`{path} = {values}` can never be chosen in step {step.index} within {giga(target)}",
            subject.source,
            place,
            f"needs at least {giga(needed)}",
            (Label(subject.origins[f"step{step.index}.target"], "the target"),),
            help="remove the choice, or raise the target",
        )
