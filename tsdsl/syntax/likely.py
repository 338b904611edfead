"""What was most likely meant where a token cannot stand, so that one mistake is told once and the rest is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from types import MappingProxyType

from tsdsl.diagnostics import Edit, Fix, replacement
from tsdsl.source import Span
from tsdsl.syntax.machine import Token, table

_SIMILAR = 0.75
_MOST_GAPS = 50
_LONGEST = 20
_NUMBERED = re.compile(r"(stage|step)_?([0-9]+)")
_VALUES = frozenset({"NUMBER", "SIGNED", "KERNEL", "FACTOR", "NAME", "UNIT", "__ANON_1", "BY"})
_CLOSING: Mapping[str, str] = MappingProxyType({"LSQB": "RSQB", "LPAR": "RPAR"})
_AFTER_KEYWORD = frozenset({"NAME", "NUMBER", "LBRACE", "STRING"})
_FOLLOWING: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        **{word: frozenset({"NUMBER"}) for word in ("tsspace", "stage", "step", "by")},
        "head": frozenset({"LBRACE"}),
        "import": frozenset({"STRING"}),
        "require": _AFTER_KEYWORD,
    }
)
_SELECTING = frozenset({"STAGE", "GROUP", "FUSION", "ATTENTION", "HEAD", "SHARED", "NAME"})
_IN_A_LIST = _SELECTING | {"DOT", "LSQB", "COMMA", "RBRACE"}
_UNFINISHED = frozenset({"EQUAL", "COMMA", "DOT"})


@dataclass(frozen=True, slots=True)
class Place:
    """Tokens, the number of the one that cannot stand, and the types of those that may."""

    text: str
    tokens: Sequence[Token]
    position: int
    accepted: frozenset[str]

    @property
    def token(self) -> Token:
        """The one that cannot stand."""
        return self.tokens[self.position]

    def at(self, offset: int) -> Token | None:
        """The token so many before or after it."""
        number = self.position + offset
        return self.tokens[number] if 0 <= number < len(self.tokens) else None

    def kind(self, offset: int) -> str:
        """That token's type; empty where there is none."""
        token = self.at(offset)
        return token.type if token is not None else ""

    def is_on_one_line(self, first: Token, second: Token) -> bool:
        """Whether two tokens stand on one line."""
        return "\n" not in self.text[first.end_pos : second.start_pos]


@dataclass(frozen=True, slots=True)
class Guess:
    """How a mistake is told, and the tokens to read in place of those up to `last`; None: nothing can be read."""

    span: Span
    message: str
    label: str
    help: str
    fixes: tuple[Fix, ...]
    last: int = 0
    tokens: tuple[Token, ...] | None = None


def guess(place: Place) -> Guess | None:
    """What was most likely meant; None where there is no telling."""
    return next((found for rule in _RULES if (found := rule(place)) is not None), None)


def looks_misspelt(place: Place) -> bool:
    """Whether a name that may stand as an attribute's is none: no `=` follows, but what follows a keyword or a list.

    Cheap, as it is asked of every name.
    """
    if place.token.type == "STEP":
        return place.kind(-1) == "NUMBER" and place.kind(-2) == "__ANON_1"
    following, before = place.kind(1), place.kind(-1)
    if following == "LPAR":
        return before == "COMMA"
    if following == "LSQB" and (place.kind(2), place.kind(3)) == ("NAME", "EQUAL"):
        return True
    if following in ("DOT", "LSQB") and before not in ("EQUAL", "COMMA", "DOT", "FIX", "FREE", "REQUIRE"):
        return True
    return following in _AFTER_KEYWORD or (
        before in ("NAME", "RSQB") and following in _IN_A_LIST and _ends_a_word(place, 0)
    )


def _misspelt_keyword(place: Place) -> Guess | None:
    """`strem a {`, `heads {`, `Group mb(...)`."""
    token = place.token
    if token.type != "NAME" or place.kind(1) not in _AFTER_KEYWORD or place.kind(-1) in _UNFINISHED:
        return None
    if len(token.value) > _LONGEST:
        return None
    keywords = [
        word
        for word, kind in table().keywords.items()
        if kind in place.accepted and place.kind(1) in _FOLLOWING.get(word, {"NAME"})
    ]
    ranked = sorted(((_similarity(token.value, word), word) for word in keywords), reverse=True)
    if not ranked or ranked[0][0] < _SIMILAR:
        return None
    word = ranked[0][1]
    safe = len(ranked) == 1 or ranked[1][0] < _SIMILAR
    span = _span(token)
    fixes = (replacement(f"change to `{word}`", span, word, safe=safe),)
    read = token._replace(type=table().keywords[word], value=word)
    message = f"there is no keyword `{token.value}`"
    return _told(place, span, message, "unknown keyword", f"did you mean `{word}`?", fixes, 1, (read,))


def _missing_commas(place: Place) -> Guess | None:
    """`search = sparse dense`, `attention sparse dense {`: all gaps of the list at once."""
    if "COMMA" not in place.accepted or place.token.type not in _SELECTING or not _ends_a_word(place, 0):
        return None
    read: list[Token] = []
    gaps: list[int] = []
    number = place.position
    while number < len(place.tokens) and len(gaps) < _MOST_GAPS:
        token = place.tokens[number]
        following = place.tokens[number + 1] if number + 1 < len(place.tokens) else None
        if _ends_a_word(place, number - place.position, in_list=bool(gaps)):
            if following is not None and following.type == "EQUAL":
                break
            gaps.append(place.tokens[number - 1].end_pos)
            read.append(Token("COMMA", ",", gaps[-1], gaps[-1]))
        elif token.type not in (*_SELECTING, "DOT", "LSQB", "RSQB", "NUMBER", "STAR", "COMMA", "__ANON_1"):
            break
        read.append(token)
        number += 1
    if not gaps:
        return None
    fix = Fix(
        "insert commas" if len(gaps) > 1 else "insert a comma", tuple(Edit(Span(g, g), ",") for g in gaps), "safe"
    )
    before = place.tokens[place.position - 1]
    span = Span(before.start_pos, place.token.end_pos)
    last = number - place.position
    message = f"expected `,`, found `{place.token.value}`"
    return _told(
        place, span, message, "a comma is missing between these", "commas stand between them", (fix,), last, read
    )


def _ends_a_word(place: Place, offset: int, *, in_list: bool = False) -> bool:
    """Whether a word begins at that token behind another, or behind a bracket, on the same line."""
    before, token = place.at(offset - 1), place.at(offset)
    if before is None or token is None or token.type not in _SELECTING or not place.is_on_one_line(before, token):
        return False
    earlier = place.kind(offset - 2)
    if before.type in _SELECTING - {"NAME"}:
        return in_list or earlier in _UNFINISHED
    return before.type == "RSQB" or (before.type == "NAME" and earlier not in ("GROUP", "SPACE", "MODEL", "FROM"))


def _missing_brace(place: Place) -> Guess | None:
    """A block without its opening brace: `stream a` and then `frames = 4`."""
    if "LBRACE" not in place.accepted or place.kind(-1) in ("EQUAL", "COMMA", "LPAR", "LBRACE") or not place.position:
        return None
    token, before = place.token, place.tokens[place.position - 1]
    begins = token.type in table().keywords.values() or (token.type == "NAME" and place.kind(1) == "EQUAL")
    if not begins:
        return None
    end = before.end_pos
    fix = replacement("insert `{`", Span(end, end), " {", safe=True)
    span = Span(before.start_pos, end)
    read = (Token("LBRACE", "{", end, end), token)
    what = "the end of the line" if not place.is_on_one_line(before, token) else f"`{token.value}`"
    return _told(place, span, f"expected `{{`, found {what}", "a brace is missing after this", "", (fix,), 1, read)


def _other_brackets(place: Place) -> Guess | None:
    """`[3, 5]` and `(3, 5)` for `{3, 5}`; three numbers for a kernel."""
    if place.token.type not in _CLOSING or not {"LBRACE", "NUMBER", "KERNEL"} <= place.accepted:
        return None
    closer = _CLOSING[place.token.type]
    end = place.position + 1
    while end < len(place.tokens) and place.tokens[end].type in (*_VALUES, "COMMA"):
        end += 1
    if end == len(place.tokens) or place.tokens[end].type != closer or end == place.position + 1:
        return None
    inner, last = place.tokens[place.position + 1 : end], place.tokens[end]
    span = Span(place.token.start_pos, last.end_pos)
    numbers = [token.value for token in inner if token.type != "COMMA"]
    name = place.at(-2)
    if name is not None and name.value == "kernel" and len(numbers) == 3 and all(n.isdigit() for n in numbers):
        kernel = "x".join(numbers)
        fix = replacement(f"write `{kernel}`", span, kernel, safe=True)
        read: tuple[Token, ...] = (Token("KERNEL", kernel, span.start, span.end),)
        found = "kernel sizes are written frames x rows x columns"
        return _told(place, span, found, "no kernel size", f"write `{kernel}`", (fix,), len(inner) + 2, read)
    written = f"{{{place.text[span.start + 1 : span.end - 1]}}}"
    fix = replacement(f"write `{written}`", span, written, safe=True)
    read = (place.token._replace(type="LBRACE", value="{"), *inner, last._replace(type="RBRACE", value="}"))
    message = "the values of a choice stand in braces"
    return _told(place, span, message, "other brackets", f"write `{written}`", (fix,), len(inner) + 2, read)


def _bare_choice(place: Place) -> Guess | None:
    """`k = 3, 5` among an operator's attributes."""
    if place.token.type not in _VALUES - {"NAME"} or place.kind(-1) != "COMMA" or "RPAR" not in place.accepted:
        return None
    start, end = place.position, place.position
    while place.tokens[start - 1].type in (*_VALUES, "COMMA"):
        start -= 1
    while end + 1 < len(place.tokens) and place.tokens[end + 1].type in (*_VALUES - {"NAME"}, "COMMA"):
        end += 1
    while place.tokens[end].type == "COMMA":
        end -= 1
    if place.tokens[start - 1].type != "EQUAL":
        return None
    span = Span(place.tokens[start].start_pos, place.tokens[end].end_pos)
    written = f"{{{place.text[span.start : span.end]}}}"
    fix = replacement(f"write `{written}`", span, written, safe=True)
    message = "several values are a choice, which stands in braces"
    return Guess(span, message, "no braces", f"write `{written}`", (fix,))


def _missing_from(place: Place) -> Guess | None:
    """`space a base {`, `space a extends base {`, `model L (S) {`."""
    before, token = place.at(-1), place.token
    if "FROM" not in place.accepted or before is None or place.kind(-2) not in ("SPACE", "MODEL"):
        return None
    last = place.position
    if token.type == "NAME" and place.kind(1) == "LBRACE":
        name, last = token, last + 1
    elif token.type == "NAME" and place.kind(1) == "NAME" and place.kind(2) == "LBRACE":
        name, last = place.tokens[last + 1], last + 2
    elif token.type == "LPAR" and place.kind(1) == "NAME" and place.kind(2) == "RPAR":
        name, last = place.tokens[last + 1], last + 3
    else:
        return None
    span = Span(token.start_pos, place.tokens[last - 1].end_pos)
    written = f"from {name.value}"
    fix = replacement(f"write `{written}`", span, written, safe=True)
    read = (Token("FROM", "from", token.start_pos, token.start_pos), name)
    message = f"expected `from` or `{{`, found `{token.value}`"
    return Guess(span, message, "not expected here", f"write `{written}`", (fix,), last, read)


def _missing_keyword(place: Place) -> Guess | None:
    """`narrow from base {` for a space; `sparse.stage[1].t = 1` for a `fix`."""
    token, following = place.token, place.kind(1)
    if token.type != "NAME" or place.kind(-1) in _UNFINISHED:
        return None
    if "GROUP" in place.accepted and following == "LPAR" and place.kind(-1) != "GROUP":
        kind, word, help_text = "GROUP", "group", "a group begins with `group`"
    elif "SPACE" in place.accepted and following in ("FROM", "LBRACE"):
        kind, word, help_text = "SPACE", "space", "a space begins with `space`"
    elif "FIX" in place.accepted and following in ("DOT", "LSQB"):
        kind, word, help_text = (
            "FIX",
            "fix",
            "decisions of the base are fixed with `fix`, and given other values with `free`",
        )
    else:
        return None
    fix = replacement(f"insert `{word}`", Span(token.start_pos, token.start_pos), f"{word} ", safe=word != "fix")
    read = (Token(kind, word, token.start_pos, token.start_pos), token)
    message = f"a keyword is missing before `{token.value}`"
    return _told(place, _span(token), message, "not expected here", help_text, (fix,), 1, read)


def _equal(place: Place) -> Guess | None:
    """`t to 1` and `t == 1` for `t = 1`; `without attention`."""
    token, before = place.token, place.at(-1)
    if "EQUAL" not in place.accepted or before is None or not place.is_on_one_line(before, token):
        return None
    if token.value in ("==", "to", "is", "as", "be", "of"):
        fix = replacement("write `=`", _span(token), "=", safe=True)
        read: tuple[Token, ...] = (token._replace(type="EQUAL", value="="),)
        found = f"expected `=`, found `{token.value}`"
        return _told(place, _span(token), found, "not expected here", "write `=`", (fix,), 1, read)
    if place.accepted == {"EQUAL"} and token.type in _SELECTING - {"NAME"}:
        fix = replacement("insert `=`", Span(before.end_pos, before.end_pos), " =", safe=True)
        read = (Token("EQUAL", "=", before.end_pos, before.end_pos), token)
        help_text = "attributes are written `name = value`"
        found = f"expected `=`, found `{token.value}`"
        return _told(place, _span(token), found, "not expected here", help_text, (fix,), 1, read)
    return None


def _missing_end(place: Place) -> Guess | None:
    """A block without its closing brace, where an item begins that cannot stand in it."""
    token, before = place.token, place.at(-1)
    outer = token.type in ("SPACE", "IMPORT", "STREAM", "STAGE", "FIX", "FREE", "REQUIRE", "STEP", "MODEL", "FUSION")
    if before is None or not outer or token.type in place.accepted or not {"RBRACE"} <= place.accepted:
        return None
    if "COMMA" in place.accepted or place.is_on_one_line(before, token):
        return None
    at = before.end_pos
    fix = replacement("insert `}`", Span(at, at), "\n}", safe=True)
    message = f"expected `}}`, found `{token.value}`"
    brace = Token("RBRACE", "}", at, at)
    return _told(place, _span(token), message, "a closing `}` is missing before it", "", (fix,), 1, (brace, token))


def _missing_parenthesis(place: Place) -> Guess | None:
    """`{glore(nodes = 8, se(ratio = 1)}`: a call begins where an argument would."""
    comma, before = place.at(-1), place.at(-2)
    if place.token.type != "NAME" or place.kind(1) != "LPAR" or "RPAR" not in place.accepted:
        return None
    if comma is None or before is None or comma.type != "COMMA":
        return None
    at = before.end_pos
    fix = replacement("insert `)`", Span(at, at), ")", safe=True)
    read = (Token("RPAR", ")", at, at), comma, place.token)
    span = Span(before.start_pos, at)
    return _told(place, span, "expected `)`", "a parenthesis is missing after this", "", (fix,), 1, read)


def _call_brackets(place: Place) -> Guess | None:
    """`glore{nodes = 8}` and `glore[nodes = 8]`."""
    at = 1 if place.token.type == "NAME" and place.kind(1) == "LSQB" else 0
    token = place.tokens[place.position + at]
    closer = {"LBRACE": "RBRACE", "LSQB": "RSQB"}.get(token.type)
    if closer is None or (place.kind(at + 1), place.kind(at + 2)) != ("NAME", "EQUAL"):
        return None
    if not at and "LPAR" not in place.accepted:
        return None
    end = _matching(place.tokens, place.position + at)
    if end is None or place.tokens[end].type != closer:
        return None
    last = place.tokens[end]
    edits = (Edit(_span(token), "("), Edit(_span(last), ")"))
    before, inner = place.tokens[place.position : place.position + at], place.tokens[place.position + at + 1 : end]
    read = (*before, token._replace(type="LPAR", value="("), *inner, last._replace(type="RPAR", value=")"))
    fix = Fix("write parentheses", edits, "safe")
    message = "the attributes of an operator stand in parentheses"
    count = len(read)
    return _told(place, _span(token), message, "other brackets", "write `(` and `)`", (fix,), count, read)


def _wrong_closer(place: Place) -> Guess | None:
    """`{8, 16)`."""
    token = place.token
    if token.type not in ("RPAR", "RSQB") or not {"COMMA", "RBRACE"} <= place.accepted or "NAME" in place.accepted:
        return None
    if place.kind(1) not in ("COMMA", "RPAR", "RBRACE"):
        return None
    fix = replacement("write `}`", _span(token), "}", safe=True)
    read = (token._replace(type="RBRACE", value="}"),)
    message = f"a choice ends with `}}`, not with `{token.value}`"
    return _told(place, _span(token), message, "another bracket", "write `}`", (fix,), 1, read)


def _short_fraction(place: Place) -> Guess | None:
    """`.5`."""
    token, following = place.token, place.at(1)
    if token.type != "DOT" or "NUMBER" not in place.accepted or following is None or following.type != "NUMBER":
        return None
    if following.start_pos != token.end_pos or place.kind(-1) == "__ANON_1":
        return None
    span, number = Span(token.start_pos, following.end_pos), f"0.{following.value}"
    fix = replacement(f"write `{number}`", span, number, safe=True)
    read = (Token("NUMBER", number, span.start, span.end),)
    message = "a number begins with a digit"
    return _told(place, span, message, "no digit before the point", f"write `{number}`", (fix,), 2, read)


def _arguments_without_parentheses(place: Place) -> Guess | None:
    """`group conv3d kernel = 1x3x3, channels = 8`."""
    token, before = place.token, place.at(-1)
    if place.accepted != {"LPAR"} or before is None or place.kind(1) != "EQUAL" or token.type != "NAME":
        return None
    end, depth = place.position, 0
    while end < len(place.tokens) and place.tokens[end].type not in ("STAR", "RPAR"):
        depth += {"LBRACE": 1, "RBRACE": -1}.get(place.tokens[end].type, 0)
        if depth < 0 or not place.is_on_one_line(token, place.tokens[end]):
            break
        end += 1
    last = place.tokens[end - 1]
    edits = (Edit(Span(before.end_pos, token.start_pos), "("), Edit(Span(last.end_pos, last.end_pos), ")"))
    read = (
        Token("LPAR", "(", before.end_pos, before.end_pos),
        *place.tokens[place.position : end],
        Token("RPAR", ")", last.end_pos, last.end_pos),
    )
    message = "the attributes of an operator stand in parentheses"
    fix = Fix("insert parentheses", edits, "safe")
    count = end - place.position
    return _told(place, Span(token.start_pos, last.end_pos), message, "no parentheses", "", (fix,), count, read)


def _repeat_before(place: Place) -> Guess | None:
    """`group 2 * mb(...)` and `group mb(...) * {1, 2}`."""
    token = place.token
    if token.type == "LBRACE" and place.kind(-1) == "STAR" and place.accepted == {"NUMBER"}:
        help_text = "how many blocks a group has is no decision; models scale it with `depth`"
        return Guess(_span(token), "a repeat is one number", "no number", help_text, ())
    kinds = [place.kind(offset) for offset in range(-1, 4)]
    if kinds != ["GROUP", "NUMBER", "STAR", "NAME", "LPAR"]:
        return None
    end = _matching(place.tokens, place.position + 3)
    span = Span(token.start_pos, place.tokens[place.position + 1].end_pos)
    fixes: tuple[Fix, ...] = ()
    if end is not None:
        at = place.tokens[end].end_pos
        name = place.tokens[place.position + 2]
        edits = (Edit(Span(span.start, name.start_pos), ""), Edit(Span(at, at), f" * {token.value}"))
        fixes = (Fix("write it behind", edits, "safe"),)
    help_text = f"write `group {place.tokens[place.position + 2].value}(...) * {token.value}`"
    return _told(place, span, "a repeat stands behind its operator", "not before it", help_text, fixes, 2, ())


def _matching(tokens: Sequence[Token], start: int) -> int | None:
    """The number of the bracket that closes the one there; any kind of bracket closes any other."""
    depth = 0
    for number in range(start, len(tokens)):
        if tokens[number].type in ("LPAR", "LBRACE", "LSQB"):
            depth += 1
        elif tokens[number].type in ("RPAR", "RBRACE", "RSQB"):
            depth -= 1
            if depth == 0:
                return number
    return None


def _numbered_name(place: Place) -> Guess | None:
    """`stage1 {`, `stage[1] {`, `step2 "title" {`."""
    token = place.token
    found = _NUMBERED.fullmatch(token.value) if token.type == "NAME" else None
    if found is not None and place.kind(1) in ("LBRACE", "STRING") and found[1].upper() in place.accepted:
        middle = token.start_pos + len(found[1])
        read: tuple[Token, ...] = (
            Token(found[1].upper(), found[1], token.start_pos, middle),
            Token("NUMBER", found[2], middle, token.end_pos),
        )
        written, span, last = f"{found[1]} {found[2]}", _span(token), 1
    elif token.type == "LSQB" and place.kind(-1) in ("STAGE", "STEP") and place.kind(2) == "RSQB":
        number = place.tokens[place.position + 1]
        written = f" {number.value}"
        span, last, read = Span(token.start_pos, place.tokens[place.position + 2].end_pos), 3, (number,)
        if number.type != "NUMBER" or place.kind(3) not in ("LBRACE", "STRING"):
            return None
    else:
        return None
    fix = replacement(f"write `{written.strip()}`", span, written, safe=True)
    message = "a space stands between a stage or step and its number"
    return _told(place, span, message, "no keyword and number", f"write `{written.strip()}`", (fix,), last, read)


def _plus_in_a_list(place: Place) -> Guess | None:
    """`search = sparse + dense`."""
    token = place.token
    if token.type != "PLUS" or "COMMA" not in place.accepted:
        return None
    fix = replacement("write `,`", _span(token), ",", safe=True)
    read = (token._replace(type="COMMA", value=","),)
    return _told(place, _span(token), "expected `,`, found `+`", "no comma", "write `,`", (fix,), 1, read)


def _call_of_range(place: Place) -> Guess | None:
    """`range(8, 24, 8)`."""
    name = place.at(-2)
    if place.token.type != "NUMBER" or place.kind(-1) != "LPAR" or name is None or name.value != "range":
        return None
    return Guess(_span(name), "ranges are no calls", "no value", "a range is written `8 .. 24 by 8`, ends included", ())


def _range_signs(place: Place) -> Guess | None:
    """`8 .. 24 step 8`, `8 ... 24`, `8-24`."""
    token, before = place.token, place.at(-1)
    if before is None:
        return None
    span = _span(token)
    if token.type == "STEP" and place.kind(1) == "NUMBER" and before.type == "NUMBER" and place.kind(-2) == "__ANON_1":
        fix = replacement("write `by`", span, "by", safe=True)
        read = (token._replace(type="BY", value="by"),)
        return _told(place, span, "the step of a range follows `by`", "not `step`", "write `by`", (fix,), 1, read)
    if token.type == "DOT" and before.type == "__ANON_1" and before.end_pos == token.start_pos:
        fix = replacement("remove the third dot", span, "", safe=True)
        help_text = "a range is written `8 .. 24 by 8`"
        return _told(place, span, "two dots make a range", "one too many", help_text, (fix,), 1, ())
    if token.type == "SIGNED" and before.type == "NUMBER" and place.kind(-2) in ("EQUAL", "LBRACE", "COMMA"):
        high = token.value.removeprefix("-")
        span = Span(before.start_pos, token.end_pos)
        written = f"{before.value} .. {high}"
        fix = replacement(f"write `{written}`", span, written, safe=True)
        dots = Token("__ANON_1", "..", token.start_pos, token.start_pos + 1)
        both = (dots, Token("NUMBER", high, token.start_pos + 1, token.end_pos))
        return _told(place, span, "a range is written with two dots", "no range", f"write `{written}`", (fix,), 1, both)
    return None


def _repeat(place: Place) -> Guess | None:
    """`group mb(...) x 2` and `x2`."""
    token = place.token
    if "STAR" not in place.accepted or token.type != "NAME" or place.kind(-1) != "RPAR":
        return None
    letter, digits = token.value[:1], token.value[1:]
    if letter not in ("x", "X") or (digits and not digits.isdigit()) or (not digits and place.kind(1) != "NUMBER"):
        return None
    star = Token("STAR", "*", token.start_pos, token.start_pos + 1)
    read = (star, Token("NUMBER", digits, token.start_pos + 1, token.end_pos)) if digits else (star,)
    written = f"* {digits}" if digits else "*"
    fix = replacement(f"write `{written}`", _span(token), written, safe=True)
    return _told(place, _span(token), "a repeat is written `* N`", "no repeat", f"write `{written}`", (fix,), 1, read)


def _comparison(place: Place) -> Guess | None:
    """`=` for `==`, `=<` for `<=`."""
    if place.token.type != "EQUAL" or "COMPARISON" not in place.accepted:
        return None
    following = place.at(1)
    last, sign, end = 1, "==", place.token.end_pos
    if following is not None and following.type == "COMPARISON" and following.start_pos == end:
        last, sign, end = 2, f"{following.value}=", following.end_pos
    if sign not in ("==", "<=", ">="):
        return None
    span = Span(place.token.start_pos, end)
    read = (Token("COMPARISON", sign, span.start, end),)
    fix = replacement(f"write `{sign}`", span, sign, safe=True)
    found = f"expected a comparison, found `{place.text[span.start : end]}`"
    return _told(place, span, found, "no comparison", f"write `{sign}`", (fix,), last, read)


def _missing_number(place: Place) -> Guess | None:
    """`step "title" {` and `stage {`."""
    before, token = place.at(-1), place.token
    if before is None or before.type not in ("STEP", "STAGE") or place.accepted != {"NUMBER"}:
        return None
    if token.type not in ("STRING", "LBRACE", "NAME"):
        return None
    word = before.value
    numbers = [
        int(after.value)
        for one, after in zip(place.tokens[: place.position], place.tokens[1:], strict=False)
        if one.type == before.type and after.type == "NUMBER" and after.value.isdigit()
    ]
    first = 0 if word == "stage" else 1
    example = f"for instance `{word} {numbers[-1] + 1 if numbers and word == 'step' else first}`"
    return Guess(_span(before), f"a {word} has a number", "the number is missing", example, ())


def _first_token(place: Place) -> Guess | None:
    """A file that begins with neither its version nor a statement."""
    if place.position != 0 or "TSSPACE" not in place.accepted:
        return None
    found = f"a file begins with its language version, not with `{place.token.value[:40]}`"
    return Guess(_span(place.token), found, "not expected here", "begin with `tsspace 1`", ())


_RULES: tuple[Callable[[Place], Guess | None], ...] = (
    _misspelt_keyword,
    _numbered_name,
    _missing_from,
    _missing_keyword,
    _missing_parenthesis,
    _arguments_without_parentheses,
    _call_brackets,
    _wrong_closer,
    _short_fraction,
    _repeat_before,
    _plus_in_a_list,
    _missing_commas,
    _equal,
    _comparison,
    _call_of_range,
    _range_signs,
    _other_brackets,
    _bare_choice,
    _repeat,
    _missing_number,
    _missing_brace,
    _missing_end,
    _first_token,
)


def _told(
    place: Place,
    span: Span,
    message: str,
    label: str,
    help_text: str,
    fixes: tuple[Fix, ...],
    last: int,
    tokens: Sequence[Token],
) -> Guess:
    return Guess(span, message, label, help_text, fixes, place.position + last, tuple(tokens))


def _span(token: Token) -> Span:
    return Span(token.start_pos, token.end_pos)


def _similarity(one: str, other: str) -> float:
    return SequenceMatcher(None, one.casefold(), other).ratio()
