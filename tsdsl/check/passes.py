"""`PASSES`: what is checked of a resolved space, in order, once its widths and costs can be computed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from tsdsl.check.lint_budgets import budgets
from tsdsl.check.lint_idle_decisions import idle_decisions
from tsdsl.check.lint_models import unscaled_depths
from tsdsl.check.lint_shapes import fused_widths, fused_widths_of_models, layer_widths, pooled_sizes
from tsdsl.check.subject import Subject
from tsdsl.diagnostics import Diagnostic
from tsdsl.errors import RunError

Pass: TypeAlias = Callable[[Subject], Iterable[Diagnostic]]


def constraints(subject: Subject) -> Iterable[Diagnostic]:
    """TS407, TS408 and TS409: `require` that cannot be counted, that nothing satisfies, or that everything does."""
    if not subject.space.requires:
        return ()
    from tsdsl.check.lint_requires import lint_requires  # few spaces need its imports

    return lint_requires(subject)


def dead_ends(subject: Subject) -> Iterable[Diagnostic]:
    """TS411: a constraint that an outcome of earlier steps makes impossible."""
    if not subject.space.requires:
        return ()
    from tsdsl.check.lint_dead_ends import lint_dead_ends  # few spaces need its imports

    return lint_dead_ends(subject)


SHAPES: tuple[tuple[Pass, ...], ...] = ((fused_widths, pooled_sizes, layer_widths), (fused_widths_of_models,))
PASSES = (
    *SHAPES,
    (constraints, idle_decisions, unscaled_depths),
    (budgets, dead_ends),
)
"""Rounds of passes. A round runs if those before it found no error, since it relies on what they check."""


def run_passes(subject: Subject, rounds: Sequence[tuple[Pass, ...]] = PASSES) -> list[Diagnostic]:
    """All that the passes report, and one TS407 where a table would be too large to compute an exact fact."""
    found: list[Diagnostic] = []
    for passes in rounds:
        for one in passes:
            try:
                found += one(subject)
            except RunError as error:
                if not any(diagnostic.code == "TS407" for diagnostic in found):
                    found.append(_too_wide(subject, error))
        if any(diagnostic.severity == "error" for diagnostic in found):
            break
    return found


def _too_wide(subject: Subject, error: RunError) -> Diagnostic:
    place = subject.origins["space"]
    return Diagnostic("TS407", error.message, subject.source, place, "too complex for exact results", help=error.help)
