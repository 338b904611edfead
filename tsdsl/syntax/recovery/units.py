"""Units as people write them, and the unit of the language that each most likely means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

from tsdsl.syntax.grammar.machine import Token

_MADE_OF = re.compile(r"([KMGT]?)(FLOPS?|FLOP/S|MACS?|MADDS?|PARAMS?|PARAMETERS?)")
_PREFIX_ONLY = re.compile(r"[KMGT]")
_ATTACHED = re.compile(r"([0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)([A-Za-z][A-Za-z/]*)")
_FLOPS = tuple(f"{prefix}FLOPs" for prefix in ("", "K", "M", "G", "T"))
_PARAMS = tuple(f"{prefix}params" for prefix in ("K", "M", "G"))
_TELLING = ("FLO", "FOP", "PARA", "PARM", "MAC")
_SIMILAR = 0.7
_LONGEST = 20


def meant_units(text: str, before: Sequence[Token]) -> list[str]:
    """The units that a word behind a number may mean, best first; none where it is no unit at all.

    `before` are the tokens before it, which tell what a bare prefix counts.
    """
    if len(text) > _LONGEST:
        return []
    upper = text.upper()
    known = (*_FLOPS, *_PARAMS)
    made_of = _MADE_OF.fullmatch(upper)
    if made_of is not None:
        unit = f"{made_of[1]}{'params' if made_of[2].startswith('PARAM') else 'FLOPs'}"
        return [unit] if unit in known else []
    if _PREFIX_ONLY.fullmatch(upper):
        return [unit for unit in _spoken_of(before) if unit[0] == upper and unit != "FLOPs"]
    if not any(part in upper for part in _TELLING):
        return []
    close = get_close_matches(upper, [unit.upper() for unit in known], n=2, cutoff=_SIMILAR)
    return [unit for other in close for unit in known if unit.upper() == other]


def attached_unit(text: str) -> tuple[str, str] | None:
    """The number and the word of `1.4GFLOPs`, which no space divides."""
    found = _ATTACHED.fullmatch(text)
    return (found[1], found[2]) if found is not None else None


def _spoken_of(before: Sequence[Token]) -> tuple[str, ...]:
    """The units of what a statement speaks of last; all of them where it speaks of no cost."""
    for token in reversed(before):
        if token.type == "NAME" and token.value in ("flops", "params", "target"):
            return _PARAMS if token.value == "params" else _FLOPS
        if token.type in ("REQUIRE", "LBRACE", "RBRACE"):
            break
    return (*_FLOPS, *_PARAMS)
