"""What tokens are called when a reader is told about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from tsdsl.syntax.grammar.machine import Token

_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "NAME": "a name",
        "NUMBER": "a number",
        "SIGNED": "a number",
        "KERNEL": "a kernel size such as `1x3x3`",
        "FACTOR": "a factor such as `2x`",
        "STRING": "a quoted text",
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
        "FROM": "`from`",
        "COMPARISON": "a comparison such as `<=`",
        "PLUS": "`+`",
        "MINUS": "`-`",
        "$END": "the end of the file",
    }
)
_VALUE_STARTS = frozenset({"NUMBER", "SIGNED", "KERNEL", "FACTOR", "STRING", "LBRACE"})
_PARTS = frozenset({"STREAM", "FUSION", "ATTENTION", "HEAD", "STEP", "MODEL", "SHARED"})
_HIDDEN = frozenset({"ERROR", "BAD", "WS", "COMMENT"})
_MOST_NAMED = 4
_LONGEST = 200


def expected_words(accepted: Iterable[str]) -> str:
    """What may stand here, in a reader's words: never a grammar symbol's name."""
    names = set(accepted) - _HIDDEN
    words: list[str] = []
    if _VALUE_STARTS - {"LBRACE"} <= names:
        names -= {
            *_VALUE_STARTS,
            "NAME",
            "STAGE",
            "GROUP",
            "STREAM",
            "FUSION",
            "ATTENTION",
            "HEAD",
            "STEP",
            "MODEL",
            "SHARED",
        }
        words.append("a value")
    elif {"KERNEL", "NUMBER", "SIGNED"} <= names:
        names -= {"KERNEL", "NUMBER", "SIGNED", "LPAR", "NAME", "STAGE", "GROUP", *_PARTS}
        words.append("a number, a cost or a decision")
    if "COMPARISON" in names:
        names = {"COMPARISON"}
    keywords = sorted(name for name in names if name not in _WORDS)
    if {"STREAM", "DOMAIN"} <= names:
        words.append("an item of a space (an attribute, `stream`, `fusion`, `step`, ...)")
        names -= {*keywords, "NAME"}
        keywords = []
    if {"SPACE", "IMPORT"} <= names:
        words.append("a statement (`import`, `domain`, `block` or `space`)")
        names -= {*keywords, "$END"}
        keywords = []
    if "NUMBER" in names and "SIGNED" in names:
        names -= {"SIGNED"}
    words += [_WORDS[name] for name in sorted(names) if name in _WORDS]
    words += [f"`{name.lower()}`" for name in keywords]
    if len(words) > _MOST_NAMED:
        words = words[:_MOST_NAMED]
    if not words:
        return "something else"
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1]


def token_words(token: Token) -> str:
    """What was found, in a reader's words."""
    value = str(token.value)
    return f"`{value}`" if len(value) <= 40 else f"`{value[:40]}...`"


def brief(text: str) -> str:
    """A text for one line of a terminal, cut where it is far longer."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
