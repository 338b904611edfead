"""What was most likely meant where a token cannot stand, so that one mistake is told once and the rest is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from types import MappingProxyType

from tsdsl.diagnostics import Edit, Fix, replacement
from tsdsl.source import Span
from tsdsl.syntax.machine import Token, table

_SIMILAR = 0.75
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
    while number < len(place.tokens):
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
    if "SPACE" in place.accepted and following in ("FROM", "LBRACE"):
        kind, word, help_text = "SPACE", "space", "a space begins with `space`"
    elif "FIX" in place.accepted and following in ("DOT", "LSQB"):
        kind, word, help_text = (
            "FIX",
            "fix",
            "decisions of the base are fixed with `fix`, and given other values with `free`",
        )
    else:
        return None
    fix = replacement(f"insert `{word}`", Span(token.start_pos, token.start_pos), f"{word} ", safe=word == "space")
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
    if token.type not in ("STRING", "LBRACE"):
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
    _missing_from,
    _missing_keyword,
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
