"""Constraints that bind only when an earlier step has chosen, and that its choice can make impossible."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np

from tsdsl.analysis.tables.constraints import Form, form_of, rules_of, spoken_of
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.analysis.tables.elimination import at, optimum
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.check.subject import Subject
from tsdsl.diagnostics import Diagnostic, Label
from tsdsl.network.layout import Blueprint
from tsdsl.space.model import Space
from tsdsl.space.parts import Amount, LinearRule, Step, Value
from tsdsl.units import at_least

Sense: TypeAlias = Literal["min", "max"]
MAX_SHOWN = 4


def lint_dead_ends(subject: Subject) -> Iterator[Diagnostic]:
    """TS411: a constraint that no choice satisfies after some outcomes of earlier steps."""
    for number, requirement in enumerate(subject.space.requires):
        found = dead_end(subject.space, number)
        if found is None or not isinstance(requirement, LinearRule):
            continue
        step, choices = found
        values = [f"{path} = {value}" for path, value in sorted(choices.items())]
        more = len(values) - MAX_SHOWN
        yield Diagnostic(
            "TS411",
            f"steps before step {step.index} may make `{requirement.text}` impossible",
            subject.source,
            subject.origins[f"require{number}"],
            f"applies from step {step.index}, which completes its parts",
            (Label(subject.origins[f"step{step.index}"], "earlier steps have already chosen here"),),
            notes=(f"for example {', '.join(values[:MAX_SHOWN])}{f' and {more} more choices' if more > 0 else ''}",),
            help=_remedy(_unconstrained(subject.space, step), requirement, step),
        )


def dead_end(space: Space, number: int) -> tuple[Step, Mapping[str, Value]] | None:
    """The step from which a constraint holds, and choices of earlier steps with which it never does.

    They are within those steps' targets and whatever binds there. Own design: looked for where the constrained sum of
    what is chosen first is at its worst, so that each report is a dead end, while None only means that none was found.
    """
    requirement = space.requires[number]
    if not isinstance(requirement, LinearRule) or (step := _binding_step(space, requirement)) is None:
        return None
    free = _unconstrained(space, step)
    form = form_of(free, requirement)
    stuck = _stuck(form, {path for s in space.steps if s.index < step.index for path in s.decisions})
    if stuck is None or not _may_be_found(space, stuck, step):
        return None
    return step, {path: space.decision_by_path[path].values[index] for path, index in stuck.items()}


def _unconstrained(space: Space, step: Step) -> FreeSpace:
    return FreeSpace(CostTable(Blueprint(replace(space, requires=())), step.index))


def _binding_step(space: Space, requirement: LinearRule) -> Step | None:
    """The step from which a constraint holds, unless that is the first."""
    spoken = spoken_of(space, requirement)
    for step in space.steps:
        if spoken <= space.present_after(step.index):
            return step if step.index > space.steps[0].index else None
    return None


def _stuck(form: Form, earlier: set[str]) -> Mapping[str, int] | None:
    """Indices of earlier choices that no later choice makes allowed; None where none was found."""
    ends: tuple[tuple[int | None, Sense, Sense], ...] = ((form.most, "max", "min"), (form.least, "min", "max"))
    for bound, worst, best in ends:
        if bound is None or not form.is_inside:
            continue
        chosen = optimum(form.factors, worst).assignment
        first = {path: index for path, index in chosen.items() if path in earlier}
        reached = int(optimum([at(factor, first) for factor in form.factors], best).value)
        if first and (reached > bound if best == "min" else reached < bound):
            return first
    return None


def _may_be_found(space: Space, stuck: Mapping[str, int], before: Step) -> bool:
    """Whether the choices are within the targets of the steps that make them, and within what binds there."""
    for step in space.steps:
        if step.index >= before.index:
            break
        free = FreeSpace(CostTable(Blueprint(space), step.index))
        row = np.array([[stuck.get(decision.path, 0) for decision in free.decisions]])
        values = {d.path: d.values[stuck.get(d.path, 0)] for d in free.decisions}
        if not rules_of(free).allow(free, row)[0]:
            return False
        if step.target_macs is not None and free.table.macs(values) > step.target_macs:
            return False
    return True


def _remedy(free: FreeSpace, linear: LinearRule, before: Step) -> str:
    """What to require of the earlier steps: the least multiply-adds that every way on needs, else in words."""
    there = free.table.blueprint.space.present_after(before.index - 1)
    amounts = [(term.factor, term.of) for term in linear.terms if isinstance(term.of, Amount)]
    early = [(factor, of) for factor, of in amounts if of.part in there]
    others = tuple(term for term in linear.terms if not isinstance(term.of, Amount) or term.of.part not in there)
    if len(early) == 1 and others and all(isinstance(t.of, Amount) and t.of.part is not None for t in others):
        ((factor, of),) = early
        rest = form_of(free, replace(linear, terms=others))
        if factor < 0 and of.quantity == "flops" and rest.least is None and rest.most is not None:
            least = -((rest.most - int(optimum(rest.factors, "min").value)) // -factor)
            return f"bound the earlier steps too: `require {of.part}.flops >= {at_least(least)}`"
    return "add a `require` over the earlier steps' decisions alone that rules this out"
