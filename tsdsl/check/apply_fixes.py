"""Applies the fixes of a text, checks it again, and reverts those that did not help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tsdsl.check.check import check
from tsdsl.diagnostics import Diagnostic, Fix
from tsdsl.diagnostics.fix import collide, edited
from tsdsl.source import SourceFile

MAX_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Made:
    """A fix that was applied, and the diagnostic it removed, which refers to the text before."""

    diagnostic: Diagnostic
    fix: Fix


@dataclass(frozen=True, slots=True)
class FixedText:
    """A text after its fixes, the fixes in the order they were applied, and what is still wrong."""

    source: SourceFile
    made: tuple[Made, ...]
    left: tuple[Diagnostic, ...]


def apply_fixes(source: SourceFile, *, suggested: bool = False) -> FixedText:
    """The text with every safe fix applied, and with `suggested` the first fix of the other diagnostics too.

    Fixes that collide wait for the next round. A fix stays only where there are fewer errors with it (or as few, and
    fewer warnings); otherwise it is reverted and left to the reader.
    """
    made: list[Made] = []
    refused: set[Fix] = set()
    diagnostics: Sequence[Diagnostic] = check(source).diagnostics
    for _ in range(MAX_ROUNDS):
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
    return FixedText(source, tuple(made), tuple(diagnostics))


def _chosen(source: SourceFile, diagnostics: Sequence[Diagnostic], refused: set[Fix], suggested: bool) -> list[Made]:
    """For each diagnostic of this file the first fix that may be applied and was not refused, without collisions.

    Warnings wait until there is no error: what seems unused may be used at the place of an error.
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


def wrong(diagnostics: Sequence[Diagnostic]) -> tuple[int, int]:
    """How many errors and how many warnings there are."""
    errors = sum(d.severity == "error" for d in diagnostics)
    return errors, len(diagnostics) - errors


def _lacks(before: Sequence[Diagnostic], after: Sequence[Diagnostic], number: int) -> bool:
    """Whether `number` errors have gone; where there was none, whether `number` warnings have, and no error came."""
    (old_errors, old_warnings), (errors, warnings) = wrong(before), wrong(after)
    if old_errors:
        return errors <= old_errors - number
    return not errors and warnings <= old_warnings - number
