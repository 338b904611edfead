"""What tokens are called in messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "NAME": "a name",
        "NUMBER": "a number",
        "SIGNED": "a number",
        "KERNEL": "a kernel size such as `1x3x3`",
        "FACTOR": "a factor such as `2x`",
        "STRING": "a quoted string",
        "UNIT": "a unit",
        "STAR": "`*`",
        "LBRACE": "`{`",
        "RBRACE": "`}`",
        "LPAR": "`(`",
        "RPAR": "`)`",
        "LSQB": "`[`",
        "RSQB": "`]`",
        "EQUAL": "`=`",
        "COMMA": "`,`",
        "DOT": "`.`",
        "ARROW": "`->`",
        "RANGE": "`..`",
        "BY": "`by`",
        "AND": "`and`",
        "OR": "`or`",
        "IMPLIES": "`implies`",
        "FROM": "`from`",
        "COMPARISON": "a comparison such as `<=`",
        "PLUS": "`+`",
        "MINUS": "`-`",
        "$END": "the end of the file",
    }
)
_VALUES = frozenset({"NUMBER", "SIGNED", "KERNEL", "FACTOR", "STRING"})
_SELECTOR_WORDS = frozenset(
    {"NAME", "STAGE", "GROUP", "BLOCK", "STREAM", "FUSION", "ATTENTION", "HEAD", "STEP", "MODEL", "SHARED"}
)
_MAX_NAMED = 4
_MAX_CHARACTERS = 200


def expected_words(accepted: Iterable[str]) -> str:
    """What may follow, in a reader's words: never a grammar symbol's name."""
    names = set(accepted) - {"ERROR", "BAD", "WS", "COMMENT"}
    words: list[str] = []
    if names >= _VALUES:
        names -= _VALUES | _SELECTOR_WORDS | {"LBRACE"}
        words.append("a value")
    elif {"KERNEL", "NUMBER", "SIGNED"} <= names:
        names -= {"KERNEL", "NUMBER", "SIGNED", "LPAR"} | _SELECTOR_WORDS
        words.append("a number, a cost or a decision")
    elif "COMPARISON" in names:
        names = {"COMPARISON"}
    keywords = sorted(name for name in names if name not in _WORDS)
    if {"STREAM", "DOMAIN"} <= names:
        words.append("an item of a space (an attribute, `stream`, `fusion`, `step`, ...)")
        names -= {*keywords, "NAME"}
        keywords = []
    elif {"SPACE", "IMPORT"} <= names:
        words.append("a statement (`import`, `domain`, `block` or `space`)")
        names -= {*keywords, "$END"}
        keywords = []
    if "NUMBER" in names:
        names -= {"SIGNED"}
    words += [_WORDS[name] for name in sorted(names) if name in _WORDS]
    words += [f"`{name.lower()}`" for name in keywords]
    words = words[:_MAX_NAMED] or ["something else"]
    return either(words)


def either(words: Iterable[str]) -> str:
    """Words as alternatives in a message: `none, glore or se`."""
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def brief(text: str) -> str:
    """A text for one line of a terminal, cut where it is far longer."""
    return text if len(text) <= _MAX_CHARACTERS else f"{text[:_MAX_CHARACTERS]}..."
