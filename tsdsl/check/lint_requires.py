"""What is wrong with the constraints of a resolved space."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from tsdsl.analysis.paths.constrained import MAX_EDGES
from tsdsl.analysis.paths.feasible import Unsatisfiable, feasible
from tsdsl.analysis.tables.constraints import Form, form_of, rules_of
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.analysis.tables.elimination import optima
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.check.subject import Subject
from tsdsl.diagnostics import Diagnostic, Label
from tsdsl.errors import RunError
from tsdsl.network.layout import Blueprint
from tsdsl.operators.varying import Varying
from tsdsl.source import Span
from tsdsl.space.model import Space
from tsdsl.space.parts import LinearRule


def lint_requires(subject: Subject) -> list[Diagnostic]:
    """Constraints that nothing satisfies, that exclude nothing, or that are too many to be exact about."""
    space = subject.space
    try:
        found = feasible(*_whole(subject.blueprint, None))
    except Unsatisfiable:
        return [_nobody(subject, None)]
    diagnostics = list(_idle(subject))
    if not found.is_exact:
        fewest = _fewest(space, lambda left: not feasible(*_whole(Blueprint(left), None)).is_exact)
        spans = list(dict.fromkeys(_written(subject)[number][0] for number in fewest))
        diagnostics.append(
            Diagnostic(
                "TS407",
                "the constraints are too complex to count exactly: counts are given as bounds",
                subject.source,
                spans[0],
                "together with the others" if len(spans) > 1 else "constrains too many decisions at once",
                tuple(Label(span, "and this one") for span in spans[1:]),
                (f"distinguishing all their sums takes more than {MAX_EDGES:,} edges",),
                help="constrain fewer costs, or decisions that are close together in the network",
            )
        )
    for step in space.steps:
        try:
            feasible(*_whole(subject.blueprint, step.index))
        except Unsatisfiable:
            diagnostics.append(_nobody(subject, step.index))
            break
    return diagnostics


def _whole(blueprint: Blueprint, step: int | None) -> tuple[FreeSpace, Sequence[Varying]]:
    free = FreeSpace(CostTable(blueprint, step))
    return free, free.pins


def _written(subject: Subject) -> list[tuple[Span, str]]:
    return [(subject.origins[f"require{n}"], r.text) for n, r in enumerate(subject.space.requires)]


def _only(space: Space, *numbers: int) -> Space:
    return replace(space, requires=tuple(space.requires[number] for number in numbers))


def _fewest(space: Space, is_still_so: Callable[[Space], bool]) -> list[int]:
    """The numbers of as few constraints as possible for which something still holds that holds for all of them."""
    kept = list(range(len(space.requires)))
    for number in reversed(range(len(kept))):
        fewer = [other for other in kept if other != number]
        try:
            if fewer and is_still_so(_only(space, *fewer)):
                kept = fewer
        except RunError:
            continue
    return kept


def _is_unsatisfiable(blueprint: Blueprint, step: int | None) -> bool:
    try:
        feasible(*_whole(blueprint, step))
    except Unsatisfiable:
        return True
    return False


def _nobody(subject: Subject, step: int | None) -> Diagnostic:
    """TS408 at the constraints that nothing satisfies, without those that have no part in it."""
    written = _written(subject)
    at = f" at step {step}" if step is not None else ""
    notes = ("decisions not searched up to this step keep their first value",) if step is not None else ()
    fewest = _fewest(subject.space, lambda left: _is_unsatisfiable(Blueprint(left), step))
    clashing = list(dict.fromkeys(written[number] for number in fewest))
    span, text = clashing[0]
    if len(clashing) == 1:
        return Diagnostic(
            "TS408",
            f"no architecture{at} satisfies `{text}`",
            subject.source,
            span,
            _range(Blueprint(_only(subject.space, fewest[0])), step),
            notes=notes,
            help="loosen it, or add choices",
        )
    all_of = "all constraints" if len(clashing) == len(set(written)) else "these constraints together"
    return Diagnostic(
        "TS408",
        f"no architecture{at} satisfies {all_of}",
        subject.source,
        span,
        "together with the others",
        tuple(Label(other, "and this one") for other, _ in clashing[1:]),
        notes,
        help="loosen one, or add choices",
    )


def _range(blueprint: Blueprint, step: int | None) -> str:
    """The range of the constrained sum; `never satisfied` where names are compared."""
    requirement = blueprint.space.requires[0]
    if not isinstance(requirement, LinearRule) or len(requirement.terms) != 1:
        return "never satisfied"
    form = form_of(FreeSpace(CostTable(blueprint, step)), requirement)
    factor = 1 if form.is_window else requirement.terms[0].factor
    low, high = sorted(int(end.value) // factor for end in optima(form.factors))
    return f"ranges from {low:,} to {high:,}"


def _idle(subject: Subject) -> Iterator[Diagnostic]:
    """TS409: constraints that every architecture satisfies."""
    written = _written(subject)
    for span, text in dict.fromkeys(written):
        numbers = [number for number, one in enumerate(written) if one == (span, text)]
        rules = rules_of(FreeSpace(CostTable(Blueprint(_only(subject.space, *numbers)))))
        is_idle = all(table.table.all() for table in rules.tables)
        for clause in rules.clauses:
            is_idle &= any(_is_idle(form) for form in clause)
        if is_idle:
            yield Diagnostic(
                "TS409",
                f"every architecture satisfies `{text}`",
                subject.source,
                span,
                "excludes nothing",
                help="tighten it so that it excludes something, or remove it",
            )


def _is_idle(form: Form) -> bool:
    """Whether the sum is within its bounds in every architecture."""
    low, high = (int(end.value) for end in optima(form.factors))
    above = form.least is None or low >= form.least
    below = form.most is None or high <= form.most
    return form.is_inside and above and below
