"""Why a selector matches nothing: its first segment that does not match, and what is expected there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tsdsl.diagnostics import Edit, Fix, replacement
from tsdsl.diagnostics.suggest import did_you_mean, renames, similar
from tsdsl.records import dataclass
from tsdsl.source import Span
from tsdsl.space.resolve.selection.selectors import PathPart, matched_parts, path_parts
from tsdsl.syntax import ast
from tsdsl.syntax.recovery.words import either

_INDEXED = re.compile(r"(stage|group|block)_?([0-9]+)")
_PLAIN_INDEX = re.compile(r"\b(stage|group|block)([0-9]+)")
_MAX_LISTED = 8
_MAX_FIXES = 3


@dataclass(frozen=True, slots=True)
class Unmatched:
    """The place in a selector from which on nothing matches, a help line, and fixes."""

    span: Span
    help: str | None
    fixes: tuple[Fix, ...] = ()


def unmatched(selector: ast.Selector, paths: Iterable[str]) -> Unmatched | None:
    """What is wrong with a selector that matches none of the paths; None where each of its segments matches some."""
    matching = [path_parts(path) for path in paths]
    for count, segment in enumerate(selector.segments, 1):
        ends = {parts: matched_parts(selector.segments[:count], parts) for parts in dict.fromkeys(matching)}
        if any(end is not None for end in ends.values()):
            matching = [parts for parts, end in ends.items() if end is not None]
            continue
        begun = selector.segments[: count - 1]
        return _explained(selector, segment, begun, {parts: matched_parts(begun, parts) or 0 for parts in matching})
    return None


def written_path(path: str) -> str:
    """A path as a selector: `sparse.stage[1].group[2].channels`."""
    return _PLAIN_INDEX.sub(r"\1[\2]", path)


def _explained(
    selector: ast.Selector, segment: ast.Segment, begun: Sequence[ast.Segment], matching: dict[Sequence[PathPart], int]
) -> Unmatched:
    name, span = segment.word.text, segment.word.span
    if _INDEXED.fullmatch(name) is not None:
        return _in_brackets(selector, span)
    numbers = sorted({n for parts, at in matching.items() for word, n in parts[at:] if word == name and n is not None})
    if not numbers and name in ("stage", "group", "block") and not begun:
        numbers = sorted({n for parts in matching for word, n in parts if word == name and n is not None})
    if numbers and segment.indices:
        return Unmatched(segment.span, f"expected {_counted(name, numbers)}")
    following = _following(matching, anywhere=not begun)
    if any(parts[:1] == (("shared", None),) and (name, None) in parts[1:] for parts in matching) and not begun:
        fix = replacement(f"write `shared.{name}`", span, f"shared.{name}", safe=True)
        return Unmatched(span, f"write `shared.{name}`", (fix,))
    if passed := _passed_over(name, matching):
        fixes = tuple(replacement(f"write `{words}.{name}`", span, f"{words}.{name}") for words in passed)
        return Unmatched(span, "did you mean " + " or ".join(f"`{words}.{name}`" for words in passed) + "?", fixes)
    if name in following or not similar(name, following):
        shown = [f"`{word}`" for word in following]
        if not shown:
            return Unmatched(span, f"nothing can follow `{begun[-1].word.text}`" if begun else None)
        listed = either(shown) if len(shown) <= _MAX_LISTED else f"{', '.join(shown[:_MAX_LISTED])}, ..."
        return Unmatched(span, f"expected {listed}")
    return Unmatched(span, did_you_mean(name, following), tuple(renames(name, span, following)))


def _passed_over(name: str, matching: dict[Sequence[PathPart], int]) -> list[str]:
    """The words, other than stages and groups, before a name deeper in the paths: `op.glore` before `nodes`."""
    found: dict[str, None] = {}
    for parts, at in matching.items():
        inner = [word for word, number in parts[at:] if number is None]
        if at and name in inner[1:]:
            found[".".join(inner[: inner.index(name)])] = None
    return list(found)[:_MAX_FIXES]


def _in_brackets(selector: ast.Selector, span: Span) -> Unmatched:
    """`stage1.group2` written as `stage[1].group[2]`."""
    edits, words = [], []
    for segment in selector.segments:
        indexed = _INDEXED.fullmatch(segment.word.text)
        words.append(f"{indexed[1]}[{indexed[2]}]" if indexed is not None else segment.word.text)
        if indexed is not None:
            edits.append(Edit(segment.word.span, words[-1]))
    meant = ".".join(words)
    return Unmatched(span, f"put numbers in brackets: `{meant}`", (Fix(f"write `{meant}`", tuple(edits), "safe"),))


def _following(matching: dict[Sequence[PathPart], int], *, anywhere: bool) -> list[str]:
    """The words that may follow: those up to the first that is neither a stage nor a group, attributes included."""
    found: dict[str, None] = {}
    for parts, at in matching.items():
        for word, number in parts[at:]:
            found[word] = None
            if number is None:
                break
        if anywhere:
            found |= dict.fromkeys(word for word, number in parts if number is not None)
    return list(found)


def _counted(name: str, numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"`{name}[{numbers[0]}]`"
    if list(numbers) == list(range(numbers[0], numbers[-1] + 1)):
        return f"`{name}[{numbers[0]}..{numbers[-1]}]`"
    return f"`{name}[{', '.join(map(str, numbers))}]`"
