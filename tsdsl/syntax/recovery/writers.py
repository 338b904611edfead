"""Writers: what was meant by a mistake, where a template cannot say it. `mistakes.toml` names them.

A writer takes the match and the kinds of token that may begin there, and gives the possible readings, likeliest first.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import pairwise
from types import MappingProxyType
from typing import TypeAlias

from tsdsl.syntax.grammar.machine import table
from tsdsl.syntax.recovery.match import Found
from tsdsl.syntax.recovery.units import attached_unit, meant_numbers, meant_units, share

Writer: TypeAlias = Callable[[Found, frozenset[str]], Sequence[str]]

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
_MIN_SIMILARITY = 0.75
_OTHER_JUNCTIONS = frozenset({"xor", "nor", "xnor"})  # as similar to `or` as a misspelt one, but of another meaning
_MAX_LENGTH = 20
_FOLLOWING = {
    "tsspace": ("NUMBER",),
    "stage": ("NUMBER",),
    "step": ("NUMBER",),
    "by": ("NUMBER",),
    "head": ("LBRACE",),
    "import": ("STRING",),
    "require": ("NAME", "NUMBER", "LBRACE", "STRING"),
}


def requoted(found: Found, kinds: frozenset[str]) -> Sequence[str]:
    """The text in quotes of another kind: a string where only that may be, else a value without quotes."""
    inner = found.found[1:-1]
    if "NUMBER" in kinds and _BARE.fullmatch(inner):
        return (inner,)
    return (f'"{inner}"',) if '"' not in inner else ()


def unquoted_key(found: Found, _: frozenset[str]) -> Sequence[str]:
    name = found.parts["key"].strip('"')
    return (f"{name} =",) if _BARE.fullmatch(name) else ()


def ascii_sign(found: Found, _: frozenset[str]) -> Sequence[str]:
    return (SIGNS[found.found],) if found.found in SIGNS else ()


def ascii_name(found: Found, _: frozenset[str]) -> Sequence[str]:
    if not found.found.replace("_", "").isalnum():
        return ()
    plain = unicodedata.normalize("NFKD", found.found).encode("ascii", "ignore").decode()
    return (plain if _BARE.fullmatch(plain) else "_",)


def closed_quote(found: Found, _: frozenset[str]) -> Sequence[str]:
    return (f'{found.found.rstrip()}"',)


def commented(found: Found, _: frozenset[str]) -> Sequence[str]:
    inner = found.found.strip("/*").strip()
    return ("\n".join(f"# {line.strip(' *')}" for line in inner.split("\n")),)


def similar_keywords(found: Found, kinds: frozenset[str]) -> Sequence[str]:
    """The keywords that may begin here and are similar, where what follows may follow them."""
    word = found.found
    if len(word) > _MAX_LENGTH or word.casefold() in _OTHER_JUNCTIONS:
        return ()
    following = found.tokens[found.end].type
    ranked = sorted(
        (
            (SequenceMatcher(None, word.casefold(), keyword).ratio(), keyword)
            for keyword, kind in table().keywords.items()
            if kind in kinds and following in _FOLLOWING.get(keyword, ("NAME",))
        ),
        reverse=True,
    )
    return [keyword for similarity, keyword in ranked if similarity >= _MIN_SIMILARITY]


def joined_name(found: Found, _: frozenset[str]) -> Sequence[str]:
    return (re.sub(r"[^A-Za-z0-9_]+", "_", found.found),)


def spaced_number(found: Found, _: frozenset[str]) -> Sequence[str]:
    word, number = re.fullmatch(r"([a-z]+)_?([0-9]+)", found.found).groups()  # type: ignore[union-attr]
    return (f"{word} {number}",)


def unquoted(found: Found, _: frozenset[str]) -> Sequence[str]:
    inner = found.found.strip('"')
    return (inner,) if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+", inner) else ()


def quoted(found: Found, _: frozenset[str]) -> Sequence[str]:
    inner = found.found.strip("'`\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}")
    return (f'"{inner}"',) if inner and '"' not in inner else ()


def declaration(found: Found, kinds: frozenset[str]) -> Sequence[str]:
    if "DOMAIN" not in kinds:
        return ()
    calls = [token.type for token in found.tokens[found.end + 2 : found.end + 4]] == ["NAME", "LPAR"]
    return ("block",) if calls else ("domain",)


def known_base(found: Found, _: frozenset[str]) -> Sequence[str]:
    name = found.parts["base"]
    before = found.tokens[: found.begin - 1]
    is_declared = any(one.type in ("SPACE", "MODEL") and other.value == name for one, other in pairwise(before))
    return (f"from {name}",) if is_declared else ()


def with_commas(found: Found, _: frozenset[str]) -> Sequence[str]:
    """A comma in each gap between values that has none."""
    written = ""
    previous = None
    for token in found.tokens[found.begin : found.end]:
        if previous is not None:
            touches = previous.end_pos == token.start_pos
            is_gap = not touches and "COMMA" not in (previous.type, token.type) and previous.type not in ("LSQB", "DOT")
            written += "," * is_gap + found.text[previous.end_pos : token.start_pos]
        written += token.value
        previous = token
    return (written,)


def increasing_range(found: Found, _: frozenset[str]) -> Sequence[str]:
    low, high = found.parts["low"], found.parts["high"].lstrip("-\N{EN DASH}")
    return (f"{low} .. {high}",) if len(low) < 10 > len(high) and float(low) < float(high) else ()


def colon_range(found: Found, _: frozenset[str]) -> Sequence[str]:
    parts = found.parts
    return (f"{parts['low']} .. {parts['high']}" + (f" by {parts['step']}" if "step" in parts else ""),)


def called_range(found: Found, _: frozenset[str]) -> Sequence[str]:
    """Python's `range(8, 32, 8)` ends before its end."""
    parts = found.parts
    numbers = [parts["low"], parts["high"], parts.get("step", "1")]
    if not all(number.isdigit() and len(number) < 10 for number in numbers):
        return ()
    low, high, step = map(int, numbers)
    last = high - 1 - (high - 1 - low) % step if step and high > low else 0
    return (f"{low} .. {last} by {step}",) if last > low else ()


def unit(found: Found, _: frozenset[str]) -> Sequence[str]:
    return meant_units(found.found, found.tokens[: found.begin])


def numbers(found: Found, _: frozenset[str]) -> Sequence[str]:
    return meant_numbers(found.found)


def spaced_unit(found: Found, _: frozenset[str]) -> Sequence[str]:
    return attached_unit(found.found, found.tokens[: found.begin])


def fraction(found: Found, _: frozenset[str]) -> Sequence[str]:
    return (share(found.parts["number"]),)


def braced(found: Found, _: frozenset[str]) -> Sequence[str]:
    items = [item.strip() for item in found.found[1:-1].split(",")]
    if len(set(items)) == 1:
        return (items[0],)
    return (f"{{{', '.join(dict.fromkeys(items))}}}" if len(set(items)) < len(items) else f"{{{found.found[1:-1]}}}",)


def repeat_count(found: Found, _: frozenset[str]) -> Sequence[str]:
    return (f"* {found.found.lstrip('xX').lstrip(' ') if found.found[0] in 'xX' else found.found[1:].strip()}",)


def comparison(found: Found, _: frozenset[str]) -> Sequence[str]:
    sign = "".join(sorted(found.found.replace(" ", ""), key="<>!=".index))
    return (sign,) if sign in ("<=", ">=", "==") else ("==",) if set(sign) == {"="} else ()


def require(found: Found, kinds: frozenset[str]) -> Sequence[str]:
    return ("require",) if "REQUIRE" in kinds else ()


def comma_list(found: Found, _: frozenset[str]) -> Sequence[str]:
    return (re.sub(r"\s*[;|&,]+\s*", ", ", found.found),)


def alternatives(found: Found, _: frozenset[str]) -> Sequence[str]:
    return ("{" + re.sub(r"\s*(?:[|]+|\bor\b)\s*", ", ", found.found) + "}",)


def dotted(found: Found, _: frozenset[str]) -> Sequence[str]:
    return (re.sub(r"\s*(?:/|::|->)\s*", ".", found.found),)


def without_letters(found: Found, _: frozenset[str]) -> Sequence[str]:
    return (re.sub("[A-Za-z]+$", "", found.found),)


def two_dots(found: Found, _: frozenset[str]) -> Sequence[str]:
    return (found.found[:2],)


def attribute_block(found: Found, _: frozenset[str]) -> Sequence[str]:
    return (" {" + re.sub(r",\s*(?=\w+\s*=)", "  ", found.found[1:-1]) + "}",)


def keyword_before(keyword: str) -> Writer:
    def write(found: Found, kinds: frozenset[str]) -> Sequence[str]:
        return (f"{keyword} {found.found}",) if keyword.upper() in kinds and found.found not in table().keywords else ()

    return write


WRITERS: Mapping[str, Writer] = MappingProxyType(
    {
        writer.__name__: writer
        for writer in (
            requoted,
            unquoted_key,
            ascii_sign,
            ascii_name,
            closed_quote,
            commented,
            similar_keywords,
            joined_name,
            spaced_number,
            unquoted,
            quoted,
            declaration,
            known_base,
            with_commas,
            increasing_range,
            colon_range,
            called_range,
            unit,
            numbers,
            spaced_unit,
            fraction,
            braced,
            repeat_count,
            comparison,
            require,
            comma_list,
            alternatives,
            dotted,
            without_letters,
            two_dots,
            attribute_block,
        )
    }
    | {f"{word}_before": keyword_before(word) for word in ("space", "model", "group", "fix")}
)
