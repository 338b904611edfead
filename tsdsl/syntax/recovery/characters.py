"""Likely mistakes in signs: characters of other languages, quotes, comments."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from tsdsl.syntax.recovery.match import Found
from tsdsl.syntax.recovery.mistake import Mistake

SIGNS: Mapping[str, str] = MappingProxyType(
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
        "\N{MINUS SIGN}": "-",
        "\N{EN DASH}": "-",
    }
)
_QUOTES = (
    "'`\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"
    "\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}"
)
_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_.\[\]]*|-?[0-9]+(\.[0-9]+)?|[0-9]+x[0-9]+x[0-9]+|[0-9.]+x")
SEPARATE = frozenset(_QUOTES) | frozenset(SIGNS) | frozenset(';:%/&|"')  # of these only equal ones make one run


def _unquoted(found: Found, kinds: frozenset[str]) -> Sequence[str]:
    """What stands between quotes of another kind: a string where only that may be, else a value without quotes."""
    inner = found.found[1:-1]
    if "NUMBER" in kinds and _BARE.fullmatch(inner):
        return (inner,)
    return (f'"{inner}"',) if '"' not in inner else ()


def _key(found: Found, _: frozenset[str]) -> Sequence[str]:
    name = found.parts["key"].strip('"')
    return (f"{name} =",) if _BARE.fullmatch(name) else ()


def _sign(found: Found, _: frozenset[str]) -> Sequence[str]:
    return (SIGNS[found.found],) if found.found in SIGNS else ()


def _plain_name(found: Found, _: frozenset[str]) -> Sequence[str]:
    if not found.found.replace("_", "").isalnum():
        return ()
    plain = unicodedata.normalize("NFKD", found.found).encode("ascii", "ignore").decode()
    return (plain if _BARE.fullmatch(plain) else "_",)


def _closed(found: Found, _: frozenset[str]) -> Sequence[str]:
    return (f'{found.found.rstrip()}"',)


def _comment(found: Found, _: frozenset[str]) -> Sequence[str]:
    inner = found.found.strip("/*").strip()
    return ("\n".join(f"# {line.strip(' *')}" for line in inner.split("\n")),)


CHARACTERS: tuple[Mistake, ...] = (
    Mistake(
        "/* all */",
        "# all",
        r"<BAD/\x2f/ &STAR (?:~ANY)*? ~STAR &BAD/\x2f/>",
        "a comment begins with `#` and ends with its line",
        _comment,
        remedy="suggested",
    ),
    Mistake(
        "// all",
        "# all",
        r"<BAD/\x2f\x2f+/ (?:ANY)*>",
        "a comment begins with `#`",
        _comment,
    ),
    Mistake(
        "act = 'relu'",
        "act = relu",
        f"<BAD/[{_QUOTES}]/ (?:(?!BAD/[{_QUOTES}]/)ANY)+ BAD/[{_QUOTES}]/>",
        "quotes must be double quotes, and only around titles and paths",
        _unquoted,
        label="other quotes",
    ),
    Mistake(
        '"classes": 10',
        "classes = 10",
        "<{key=STRING} (?:BAD/:/|EQUAL)>",
        "names are written without quotes",
        _key,
    ),
    Mistake(
        'step 1 "slow',
        'step 1 "slow"',
        'BAD/".*/',
        "a string needs a closing quote",
        _closed,
        label="never closed",
    ),
    Mistake(
        "fusion fast \N{RIGHTWARDS ARROW} slow {",
        "fusion fast -> slow {",
        "BAD",
        "unknown character `{found}`",
        _sign,
    ),
    Mistake(
        "space caf\N{LATIN SMALL LETTER E WITH ACUTE} {",
        "space cafe {",
        "(?:NAME &BAD/[^0-9].*/|BAD/[^0-9].*/) (?:&NAME|&BAD|&NUMBER)*",
        "a name may contain letters from a to z, digits and `_`, got `{found}`",
        _plain_name,
        label="other letters",
        remedy="suggested",
    ),
)
