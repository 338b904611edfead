"""Remedies of mistakes in the text: what to write instead of a token that cannot stand where it does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from tsdsl.diagnostics import Fix, replacement
from tsdsl.source import Span
from tsdsl.syntax.grammar.machine import Token

SIGNS_MEANT: Mapping[str, str] = MappingProxyType(
    {
        "\N{HORIZONTAL ELLIPSIS}": "..",
        "\N{RIGHTWARDS ARROW}": "->",
        "\N{LESS-THAN OR EQUAL TO}": "<=",
        "\N{GREATER-THAN OR EQUAL TO}": ">=",
        "\N{NOT EQUAL TO}": "!=",
        "\N{FULLWIDTH COMMA}": ",",
        "\N{FULLWIDTH LEFT PARENTHESIS}": "(",
        "\N{FULLWIDTH RIGHT PARENTHESIS}": ")",
        "\N{FULLWIDTH EQUALS SIGN}": "=",
        ":": " =",
    }
)
_MEANT: Mapping[str, str] = MappingProxyType(
    {
        "\N{LEFT DOUBLE QUOTATION MARK}": '"',
        "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
        "'": '"',
        "\N{MULTIPLICATION SIGN}": "x",
        "\N{MINUS SIGN}": "-",
        "\N{EN DASH}": "-",
        "\N{NO-BREAK SPACE}": " ",
        "//": "#",
        ":=": " =",
        **SIGNS_MEANT,
    }
)
_MEASURE = re.compile(r"[0-9]+x[0-9]+x[0-9]+|[0-9]+(\.[0-9]+)?x")
_GROUPED = re.compile(r"[0-9]+(_[0-9]+)+")
_LEADING_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_SIDES = re.compile(r"([0-9]+)x[0-9]+")
_CLOSING: Mapping[str, str] = MappingProxyType({"RPAR": ")", "RSQB": "]", "RBRACE": "}"})
_VALUES = frozenset({"NUMBER", "SIGNED", "KERNEL", "FACTOR", "STRING", "NAME", "LBRACE"})


def unknown_text(text: str, span: Span) -> tuple[Fix, ...]:
    """Fixes of characters that the language does not have."""
    if text.startswith('"'):
        end = span.start + len(text.rstrip())
        return (replacement("close the string", Span(end, end), '"', safe=True),)
    if text in _MEANT:
        return (replacement(f"write `{_MEANT[text].strip() or 'a space'}`", span, _MEANT[text], safe=True),)
    if text[0].isdigit():
        return ()
    meaningless = text.strip(";") == "" or not any(character.isprintable() for character in text)
    return (replacement("remove it", span, " " if meaningless and text != ";" else "", safe=meaningless),)


def unknown_number(text: str, span: Span) -> tuple[str, tuple[Fix, ...]]:
    """A help line and fixes of what begins like a number: `2X`, `1X3X3`, `3x3`."""
    lower = text.lower()
    if lower != text and _MEASURE.fullmatch(lower):
        return f"write `{lower}`", (replacement(f"write `{lower}`", span, lower, safe=True),)
    if _GROUPED.fullmatch(text):
        plain = text.replace("_", "")
        return f"write `{plain}`", (replacement(f"write `{plain}`", span, plain, safe=True),)
    sides = _SIDES.fullmatch(lower)
    if sides is not None:
        kernels = [f"{frames}x{lower}" for frames in dict.fromkeys((1, int(sides[1])))] if len(lower) < 8 else []
        help_text = "a kernel size is frames x rows x columns, such as `1x3x3`; sides are one number"
        return help_text, tuple(replacement(f"write `{kernel}`", span, kernel) for kernel in kernels)
    number = _LEADING_NUMBER.match(text)
    if number is not None and text[number.end() :].isalpha():
        return f"`{text[number.end() :]}` is no unit; sizes are pixels and frames, and written without one", (
            replacement(f"write `{number[0]}`", span, number[0]),
        )
    return "numbers look like 24 or 0.75, kernels like 1x3x3, factors 2x; names start with a letter", ()


def unexpected(
    previous: Token | None, token: Token, accepted: frozenset[str], keywords: frozenset[str]
) -> tuple[str | None, tuple[Fix, ...]]:
    """A help line and fixes where `token` stands after `previous` and only `accepted` may."""
    start = token.start_pos or 0
    end = start + len(token.value)
    after = Span(previous.end_pos, previous.end_pos) if previous is not None else Span(0, 0)
    if accepted == {"EQUAL"} and token.type in _VALUES:
        return "attributes are written `name = value`", (replacement("insert `=`", after, " =", safe=True),)
    if accepted == {"EQUAL"}:
        return "attributes are written `name = value`", ()
    if token.type == "EQUAL" and previous is not None and previous.type == "EQUAL":
        return "one `=` is enough", (replacement("remove the second `=`", Span(previous.end_pos, end), "", safe=True),)
    if token.type == "COMMA" and previous is not None and previous.type == "COMMA":
        return "one comma is enough", (replacement("remove the second comma", Span(start, end), "", safe=True),)
    if token.type in _VALUES and {"COMMA", "RBRACE"} <= accepted and "NAME" not in accepted:
        return "values of a choice are separated by commas", (replacement("insert a comma", after, ",", safe=True),)
    if {"RPAR", "NAME"} <= accepted and token.type in _VALUES and (previous is None or previous.type != "EQUAL"):
        return "attributes are written `name = value`, such as `channels = 8`", ()
    for kind, mark in (("RPAR", ")"), ("RSQB", "]")):
        if kind in accepted and (token.type in keywords or token.type in _CLOSING or token.type == "STAR"):
            title = f"insert `{mark}`"
            return f"is a closing `{mark}` missing before it?", (replacement(title, after, mark, safe=True),)
    if token.type in keywords and "RBRACE" in accepted and "EQUAL" not in accepted:
        return "is a closing `}` missing before it?", (replacement("insert `}`", after, " }"),)
    if token.type in _CLOSING:
        return None, (replacement(f"remove `{token}`", Span(start, end), ""),)
    return None, ()


def virtual(fix: Fix) -> Token | None:
    """The token that a sure fix of one inserted mark adds, at its place; None for other fixes."""
    if fix.applicability != "safe" or len(fix.edits) != 1:
        return None
    edit = fix.edits[0]
    kind = _INSERTED.get(edit.text.strip())
    if kind is None or edit.span.start != edit.span.end:
        return None
    at = edit.span.start
    return Token(kind, edit.text.strip(), at, at)


_INSERTED: Mapping[str, str] = MappingProxyType({")": "RPAR", "]": "RSQB", ",": "COMMA", "=": "EQUAL"})


def unclosed(mark: str, at: int) -> tuple[Fix, ...]:
    """A fix of a bracket that the file never closes: close it at the end."""
    return (replacement(f"add `{mark}` at the end", Span(at, at), f"\n{mark}" if mark == "}" else mark),)
