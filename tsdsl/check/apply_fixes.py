"""Mending a text: fixes are made, the text is checked again, and what did not help is taken back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tsdsl.check.check import check
from tsdsl.diagnostics import Diagnostic, Fix
from tsdsl.diagnostics.fix import collide, edited
from tsdsl.source import SourceFile

MOST_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Made:
    """A fix that was made, and what it removed; their places are in the diagnostic's own text."""

    diagnostic: Diagnostic
    fix: Fix


@dataclass(frozen=True, slots=True)
class Mended:
    """A text after its fixes, the fixes in the order they were made, and what is wrong still."""

    source: SourceFile
    made: tuple[Made, ...]
    left: tuple[Diagnostic, ...]


def mend(source: SourceFile, *, suggested: bool = False) -> Mended:
    """The text with every safe fix made, and with `suggested` the first fix of the other diagnostics too.

    Fixes that collide wait for the next round. A fix stays only where its diagnostic has gone and the
    text is further on its way through the stages of checking: text, names, values, shapes, budgets. So a
    fix may bring to light what it had hidden, in a later stage, and never adds a mistake to its own.
    """
    made: list[Made] = []
    refused: set[Fix] = set()
    diagnostics: Sequence[Diagnostic] = check(source).diagnostics
    for _ in range(MOST_ROUNDS):
        chosen = _chosen(source, diagnostics, refused, suggested)
        if not chosen:
            break
        after = _with(source, chosen)
        found: Sequence[Diagnostic] = check(after).diagnostics
        kept = chosen
        if not _lacks(diagnostics, found, len(chosen)):
            after, found, kept = _one_by_one(source, diagnostics, chosen)
        # Refused fixes are not tried again, except where the text has changed and with it their places.
        refused = set() if kept else refused | {one.fix for one in chosen}
        source, diagnostics = after, found
        made += kept
    return Mended(source, tuple(made), tuple(diagnostics))


def _chosen(source: SourceFile, diagnostics: Sequence[Diagnostic], refused: set[Fix], suggested: bool) -> list[Made]:
    """For each diagnostic of this file the first fix that may be made and was not refused, without collisions.

    Warnings wait until there is no error: what seems unused may be used where an error stands.
    """
    chosen: list[Made] = []
    wrong = any(diagnostic.severity == "error" for diagnostic in diagnostics)
    for diagnostic in diagnostics:
        fixes = [
            fix
            for fix in diagnostic.fixes
            if (suggested or fix.applicability == "safe")
            and diagnostic.source.name == source.name
            and all(edit.span.source is None for edit in fix.edits)
            and fix not in refused
            and (diagnostic.severity == "error" or not wrong)
        ]
        if fixes and not any(collide(fixes[0], other.fix) for other in chosen):
            chosen.append(Made(diagnostic, fixes[0]))
    return chosen


def _with(source: SourceFile, made: Sequence[Made]) -> SourceFile:
    return SourceFile(source.name, edited(source.text, [edit for one in made for edit in one.fix.edits]))


def _one_by_one(
    source: SourceFile, diagnostics: Sequence[Diagnostic], chosen: Sequence[Made]
) -> tuple[SourceFile, Sequence[Diagnostic], list[Made]]:
    """The text with each of the fixes that helps, given those before it that did."""
    after = source
    kept: list[Made] = []
    for one in chosen:
        trial = _with(source, [*kept, one])
        found = check(trial).diagnostics
        if _lacks(diagnostics, found, 1):
            after, diagnostics = trial, found
            kept.append(one)
    return after, diagnostics, kept


def stages(diagnostics: Sequence[Diagnostic]) -> list[int]:
    """How many errors each stage of checking has, warnings last: text, names, values, shapes, budgets."""
    errors = Counter(d.code[2] for d in diagnostics if d.severity == "error")
    return [*(errors[stage] for stage in "01234"), sum(d.severity == "warning" for d in diagnostics)]


def _lacks(before: Sequence[Diagnostic], after: Sequence[Diagnostic], number: int) -> bool:
    """Whether `number` mistakes have gone from the stages that had them, and none came to those stages."""
    old, new = stages(before), stages(after)
    gone = 0
    for was, now in zip(old, new, strict=True):
        if now > was:
            return gone >= number
        gone += was - now
    return gone >= number
