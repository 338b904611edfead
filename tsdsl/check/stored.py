"""Reads a space from what JSON holds, as strictly as a text: it is written out, resolved and checked, and compared."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tsdsl.check.passes import SHAPES, run_passes
from tsdsl.check.subject import Subject
from tsdsl.diagnostics import Diagnostic
from tsdsl.files import first_fault
from tsdsl.source import SourceFile
from tsdsl.space.model import Space
from tsdsl.space.parts import HEAD, SHARED, FusionSlot, Step
from tsdsl.space.resolve import resolve
from tsdsl.space.resolve.parts.steps import MAX_EPOCHS, MAX_STEP
from tsdsl.space.stored import strictly
from tsdsl.space.text import LARGEST, space_lines

WORDS = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")
TITLE = re.compile(r'[^"\n]*')
FREE_TEXT = ("title", "text", "relation")
MAX_CHARACTERS = 200
"""Of a message, which may repeat a name of any length."""
MAX_TARGET_MACS = LARGEST * 10**12


def space_from_dict(data: Mapping[str, Any]) -> Space:
    """The space that `Space.to_dict` gave, perhaps by way of JSON.

    Raises:
        ValueError: it is not a space that the language can say; the message has the place in `data`.
    """
    try:
        given = strictly(Space, data)
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(first_fault(error)) from error
    _refuse_other_words(given.to_dict(), "")
    lines = list(space_lines(given))
    source = SourceFile("space.json", "\n".join(line for _, line in lines) + "\n")
    resolved = resolve(source)
    _refuse(resolved.diagnostics, source, lines)
    (made,) = resolved.spaces
    _refuse_difference(_compared(given), _compared(made.space), "")
    _refuse_steps(given)
    texts = [replace(m, text=g.text) for m, g in zip(made.space.requires, given.requires, strict=True)]
    space = replace(made.space, steps=given.steps, requires=tuple(texts))
    _refuse(run_passes(Subject.of(replace(made, space=space), source), SHAPES), source, lines)
    return space


def _refuse(diagnostics: Sequence[Diagnostic], source: SourceFile, lines: list[tuple[str, str]]) -> None:
    for diagnostic in diagnostics:
        if diagnostic.severity == "error":
            place, _ = lines[source.position(diagnostic.span.start).line - 1]
            raise ValueError(f"{place + ': ' if place else ''}{diagnostic.message[:MAX_CHARACTERS]}")


def _compared(space: Space) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(json.dumps({**space.to_dict(), "steps": []}))
    for requirement in data["requires"]:
        requirement["text"] = ""
    return data


def _refuse_difference(given: Any, made: Any, place: str) -> None:
    """Refuse the first thing that is not as the language would make it; 1, 1.0 and true are different."""
    if type(given) is not type(made) or (not isinstance(made, dict | list) and given != made):
        raise ValueError(f"{place}: expected {json.dumps(made)[:100]}, got {json.dumps(given)[:100]}")
    if isinstance(made, dict):
        for name in sorted({*made, *given}):
            below = f"{place}.{name}" if place else name
            if name not in made or name not in given:
                raise ValueError(f"{below}: is {'missing' if name in made else 'unknown'}")
            _refuse_difference(given[name], made[name], below)
    elif isinstance(made, list):
        if len(given) != len(made):
            raise ValueError(f"{place}: expected {len(made)} entries, got {len(given)}")
        for n, (one, other) in enumerate(zip(given, made, strict=True)):
            _refuse_difference(one, other, f"{place}.{n}")


def _refuse_other_words(data: Any, place: str) -> None:
    """Refuse strings that are not names, paths or kernel sizes, but for what `FREE_TEXT` names."""
    if isinstance(data, str):
        if data and not WORDS.fullmatch(data):  # a group of several operators has none of its own
            raise ValueError(f"{place}: {json.dumps(data)[:100]} is not a name of the language")
    elif isinstance(data, Mapping):
        for name, value in data.items():
            _refuse_other_words(name, place)
            if name not in FREE_TEXT:
                _refuse_other_words(value, f"{place}.{name}" if place else name)
    elif isinstance(data, list | tuple):
        for n, value in enumerate(data):
            _refuse_other_words(value, f"{place}.{n}")


def _refuse_steps(space: Space) -> None:
    last, taken, present = 0, set[str](), set[str]()
    for n, step in enumerate(space.steps):
        place = f"steps.{n}"
        present |= {*step.names}
        for field, problem in _step_faults(space, step, last, taken, present):
            raise ValueError(f"{place}.{field}: {problem}")
        last, taken = step.index, taken | {*step.decisions}


def _step_faults(space: Space, step: Step, last: int, taken: set[str], present: set[str]) -> Iterator[tuple[str, str]]:
    """What is wrong with a step after the steps that make the decisions `taken`; `present` are parts up to this one."""
    if not last < step.index <= MAX_STEP:
        yield "index", f"expected a number from {last + 1} to {MAX_STEP}, got {step.index}"
    if not TITLE.fullmatch(step.title):
        yield "title", "a title must not contain quotes or line breaks"
    if not 1 <= step.epochs <= MAX_EPOCHS:
        yield "epochs", f"expected a number from 1 to {MAX_EPOCHS}, got {step.epochs}"
    if step.target_macs is not None and not 1 <= step.target_macs <= MAX_TARGET_MACS:
        yield "target_macs", f"expected a number from 1 to {MAX_TARGET_MACS}, got {step.target_macs}"
    own = {*step.decisions}
    if step.decisions != tuple(d.path for d in space.decisions if d.path in own):
        yield "decisions", "expected decisions of the space, each once and in its order"
    if own & taken:
        yield "decisions", f"an earlier step already searches {min(own & taken)}"
    if step.names != tuple(part for part in space.parts if part in {*step.names}):
        yield "names", "expected streams and slots of the space, each once and in its order"
    lacking = {space.part_of(path) for path in own if not path.startswith(SHARED)} - {*step.names, HEAD}
    if lacking:
        yield "names", f"expected {min(lacking)}, since the step searches a decision of it"
    if any(path.startswith(f"{HEAD}.") for path in own) and present.isdisjoint(stream.name for stream in space.streams):
        yield "decisions", "the head comes before any stream"
    for slot in space.slots:
        streams = {slot.source, slot.target} if isinstance(slot, FusionSlot) else {slot.stream}
        if slot.path in step.names and not streams <= present:
            yield "names", f"{slot.path} comes before {min(streams - present)}"
    if not own and not step.names:
        yield "names", "the step searches nothing"
