"""Units and numbers as people write them, and what each most likely means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from difflib import get_close_matches

from tsdsl.syntax.grammar.machine import Token
from tsdsl.units import FLOPS_UNITS, PARAMS_UNITS

_MADE_OF = re.compile(r"([KMGT]?)(FLOPS?|FLOP/S|MACS?|MADDS?|PARAMS?|PARAMETERS?)")
_ATTACHED = re.compile(r"([0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)([A-Za-z][A-Za-z/]*)")
_REVEALING = ("FLO", "FOP", "PARA", "PARM", "MAC")
_MIN_SIMILARITY = 0.7
_MAX_LENGTH = 20


def meant_units(text: str, before: Sequence[Token]) -> list[str]:
    """The units that a word behind a number may mean, best first; none where it is not like any unit.

    `before` are the tokens before it, which say what a bare prefix counts.
    """
    if len(text) > _MAX_LENGTH:
        return []
    upper = text.upper()
    known = (*FLOPS_UNITS, *PARAMS_UNITS)
    made_of = _MADE_OF.fullmatch(upper)
    if made_of is not None:
        unit = f"{made_of[1]}{'params' if made_of[2].startswith('PARAM') else 'FLOPs'}"
        return [unit] if unit in known else []
    if upper in ("K", "M", "G", "T"):
        return [unit for unit in _counted(before) if unit[0] == upper]
    if not any(part in upper for part in _REVEALING):
        return []
    close = get_close_matches(upper, [unit.upper() for unit in known], n=2, cutoff=_MIN_SIMILARITY)
    return [unit for other in close for unit in known if unit.upper() == other]


def _counted(before: Sequence[Token]) -> tuple[str, ...]:
    """The units of the cost that a statement names last; all of them where it names none."""
    for token in reversed(before):
        if token.type == "NAME" and token.value in ("flops", "params", "target"):
            return tuple(PARAMS_UNITS if token.value == "params" else FLOPS_UNITS)
        if token.type in ("REQUIRE", "LBRACE", "RBRACE"):
            break
    return (*FLOPS_UNITS, *PARAMS_UNITS)


def attached_unit(text: str, before: Sequence[Token]) -> list[str]:
    """`60MFLOPs` with its blank."""
    attached = _ATTACHED.fullmatch(text)
    return [f"{attached[1]} {unit}" for unit in meant_units(attached[2], before)] if attached is not None else []


def meant_numbers(text: str) -> list[str]:
    """What is meant by text that begins like a number: `2X`, `3x3`, `1_000`."""
    lower = text.lower()
    if len(text) > _MAX_LENGTH:
        return []
    if re.fullmatch(r"[0-9]+x[0-9]+x[0-9]+|[0-9]+(\.[0-9]+)?x", lower):
        return [lower]
    if re.fullmatch(r"[0-9]+(_[0-9]+)+", text):
        return [text.replace("_", "")]
    sides = re.fullmatch(r"([0-9]+)x[0-9]+", lower)
    return [f"{frames}x{lower}" for frames in dict.fromkeys(("1", sides[1]))] if sides is not None else []


def share(percent: str) -> str:
    """`50` percent as a number."""
    return f"{Decimal(percent) / 100:f}" if len(percent) <= _MAX_LENGTH else percent
