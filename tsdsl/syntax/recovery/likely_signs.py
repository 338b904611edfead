"""What was most likely meant by signs and brackets that other languages have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from tsdsl.diagnostics import Edit, Fix, replacement
from tsdsl.source import Span
from tsdsl.syntax.grammar.machine import Token
from tsdsl.syntax.recovery.place import Guess, Place, matching, span_of, told

_VALUES = frozenset({"NUMBER", "SIGNED", "KERNEL", "FACTOR", "NAME", "UNIT", "RANGE", "BY"})
_CLOSING: Mapping[str, str] = MappingProxyType({"LSQB": "RSQB", "LPAR": "RPAR"})


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
    return told(place, span, found, "no comparison", f"write `{sign}`", (fix,), last, read)


def _range_signs(place: Place) -> Guess | None:
    """`8 .. 24 step 8`, `8 ... 24`, `8-24`."""
    token, before = place.token, place.at(-1)
    if before is None:
        return None
    span = span_of(token)
    if token.type == "STEP" and place.kind(1) == "NUMBER" and before.type == "NUMBER" and place.kind(-2) == "RANGE":
        fix = replacement("write `by`", span, "by", safe=True)
        read = (token._replace(type="BY", value="by"),)
        return told(place, span, "the step of a range follows `by`", "not `step`", "write `by`", (fix,), 1, read)
    if token.type == "DOT" and before.type == "RANGE" and before.end_pos == token.start_pos:
        fix = replacement("remove the third dot", span, "", safe=True)
        help_text = "a range is written `8 .. 24 by 8`"
        return told(place, span, "two dots make a range", "one too many", help_text, (fix,), 1, ())
    if token.type == "SIGNED" and before.type == "NUMBER" and place.kind(-2) in ("EQUAL", "LBRACE", "COMMA", "LSQB"):
        high = token.value.removeprefix("-")
        span = Span(before.start_pos, token.end_pos)
        written = f"{before.value} .. {high}"
        fix = replacement(f"write `{written}`", span, written, safe=True)
        dots = Token("RANGE", "..", token.start_pos, token.start_pos + 1)
        both = (dots, Token("NUMBER", high, token.start_pos + 1, token.end_pos))
        return told(place, span, "a range is written with two dots", "no range", f"write `{written}`", (fix,), 1, both)
    return None


def _call_of_range(place: Place) -> Guess | None:
    """`range(8, 24, 8)`."""
    name = place.at(-2)
    if place.token.type != "NUMBER" or place.kind(-1) != "LPAR" or name is None or name.value != "range":
        return None
    return Guess(
        span_of(name), "ranges are no calls", "no value", "a range is written `8 .. 24 by 8`, ends included", ()
    )


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
        return told(place, span, found, "no kernel size", f"write `{kernel}`", (fix,), len(inner) + 2, read)
    written = f"{{{place.text[span.start + 1 : span.end - 1]}}}"
    fix = replacement(f"write `{written}`", span, written, safe=True)
    read = (place.token._replace(type="LBRACE", value="{"), *inner, last._replace(type="RBRACE", value="}"))
    message = "the values of a choice stand in braces"
    return told(place, span, message, "other brackets", f"write `{written}`", (fix,), len(inner) + 2, read)


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
    fix = replacement(f"write `{written}`", span_of(token), written, safe=True)
    return told(place, span_of(token), "a repeat is written `* N`", "no repeat", f"write `{written}`", (fix,), 1, read)


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
    return told(place, span, "expected `)`", "a parenthesis is missing after this", "", (fix,), 1, read)


def _call_brackets(place: Place) -> Guess | None:
    """`glore{nodes = 8}` and `glore[nodes = 8]`."""
    at = 1 if place.token.type == "NAME" and place.kind(1) == "LSQB" else 0
    token = place.tokens[place.position + at]
    closer = {"LBRACE": "RBRACE", "LSQB": "RSQB"}.get(token.type)
    if closer is None or (place.kind(at + 1), place.kind(at + 2)) != ("NAME", "EQUAL"):
        return None
    if not at and "LPAR" not in place.accepted:
        return None
    end = matching(place.tokens, place.position + at)
    if end is None or place.tokens[end].type != closer:
        return None
    last = place.tokens[end]
    edits = (Edit(span_of(token), "("), Edit(span_of(last), ")"))
    before, inner = place.tokens[place.position : place.position + at], place.tokens[place.position + at + 1 : end]
    read = (*before, token._replace(type="LPAR", value="("), *inner, last._replace(type="RPAR", value=")"))
    fix = Fix("write parentheses", edits, "safe")
    message = "the attributes of an operator stand in parentheses"
    count = len(read)
    return told(place, span_of(token), message, "other brackets", "write `(` and `)`", (fix,), count, read)


def _wrong_closer(place: Place) -> Guess | None:
    """`{8, 16)`."""
    token = place.token
    if token.type not in ("RPAR", "RSQB") or not {"COMMA", "RBRACE"} <= place.accepted or "NAME" in place.accepted:
        return None
    if place.kind(1) not in ("COMMA", "RPAR", "RBRACE"):
        return None
    fix = replacement("write `}`", span_of(token), "}", safe=True)
    read = (token._replace(type="RBRACE", value="}"),)
    message = f"a choice ends with `}}`, not with `{token.value}`"
    return told(place, span_of(token), message, "another bracket", "write `}`", (fix,), 1, read)


def _short_fraction(place: Place) -> Guess | None:
    """`.5`."""
    token, following = place.token, place.at(1)
    if token.type != "DOT" or "NUMBER" not in place.accepted or following is None or following.type != "NUMBER":
        return None
    if following.start_pos != token.end_pos or place.kind(-1) == "RANGE":
        return None
    span, number = Span(token.start_pos, following.end_pos), f"0.{following.value}"
    fix = replacement(f"write `{number}`", span, number, safe=True)
    read = (Token("NUMBER", number, span.start, span.end),)
    message = "a number begins with a digit"
    return told(place, span, message, "no digit before the point", f"write `{number}`", (fix,), 2, read)


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
    return told(place, Span(token.start_pos, last.end_pos), message, "no parentheses", "", (fix,), count, read)


def _repeat_before(place: Place) -> Guess | None:
    """`group 2 * mb(...)` and `group mb(...) * {1, 2}`."""
    token = place.token
    if token.type == "LBRACE" and place.kind(-1) == "STAR" and place.accepted == {"NUMBER"}:
        help_text = "how many blocks a group has is no decision; models scale it with `depth`"
        return Guess(span_of(token), "a repeat is one number", "no number", help_text, ())
    kinds = [place.kind(offset) for offset in range(-1, 4)]
    if kinds != ["GROUP", "NUMBER", "STAR", "NAME", "LPAR"]:
        return None
    end = matching(place.tokens, place.position + 3)
    span = Span(token.start_pos, place.tokens[place.position + 1].end_pos)
    fixes: tuple[Fix, ...] = ()
    if end is not None:
        at = place.tokens[end].end_pos
        name = place.tokens[place.position + 2]
        edits = (Edit(Span(span.start, name.start_pos), ""), Edit(Span(at, at), f" * {token.value}"))
        fixes = (Fix("write it behind", edits, "safe"),)
    help_text = f"write `group {place.tokens[place.position + 2].value}(...) * {token.value}`"
    return told(place, span, "a repeat stands behind its operator", "not before it", help_text, fixes, 2, ())


def _plus_in_a_list(place: Place) -> Guess | None:
    """`search = sparse + dense`."""
    token = place.token
    if token.type != "PLUS" or "COMMA" not in place.accepted:
        return None
    fix = replacement("write `,`", span_of(token), ",", safe=True)
    read = (token._replace(type="COMMA", value=","),)
    return told(place, span_of(token), "expected `,`, found `+`", "no comma", "write `,`", (fix,), 1, read)


def _arrow(place: Place) -> Guess | None:
    """`fusion a => b`, `a > b`, `a, b`, `a to b`, `a <- b`."""
    token, following = place.token, place.at(1)
    if place.accepted != {"ARROW"} or following is None:
        return None
    signs = token.value + (following.value if following.type != "NAME" else "")
    name, before = place.at(2 if following.type != "NAME" else 1), place.at(-1)
    if name is None or name.type != "NAME" or before is None:
        return None
    if signs == "<-":
        span = Span(token.start_pos, name.start_pos)
        help_text = f"write `fusion {name.value} -> {before.value}`"
        return Guess(span, "expected `->`, found `<-`", "the other way round", help_text, ())
    if signs not in ("=>", "->", ">", ",", "to", "-", ":"):
        return None
    last = 2 if following.type != "NAME" else 1
    end = place.tokens[place.position + last - 1].end_pos
    fix = replacement("write `->`", Span(token.start_pos, end), "->", safe=True)
    read = (Token("ARROW", "->", token.start_pos, end),)
    found = place.text[token.start_pos : end]
    return told(
        place, Span(token.start_pos, end), f"expected `->`, found `{found}`", "no arrow", "", (fix,), last, read
    )


def _indices(place: Place) -> Guess | None:
    """`stage(1)` and `stage 1` in a selector."""
    token, before = place.token, place.at(-1)
    if before is None or before.type not in ("STAGE", "GROUP") or "LSQB" not in place.accepted:
        return None
    if token.type == "NUMBER":
        span, number, last = span_of(token), token, 1
        span = Span(before.end_pos, token.end_pos)
    elif token.type == "LPAR" and (place.kind(1), place.kind(2)) == ("NUMBER", "RPAR"):
        number, last = place.tokens[place.position + 1], 3
        span = Span(before.end_pos, place.tokens[place.position + 2].end_pos)
    else:
        return None
    written = f"[{number.value}]"
    fix = replacement(f"write `{before.value}{written}`", span, written, safe=True)
    read = (Token("LSQB", "[", span.start, span.start), number, Token("RSQB", "]", span.end, span.end))
    message = "numbers of a selector stand in brackets"
    return told(place, span, message, "no brackets", f"write `{before.value}{written}`", (fix,), last, read)


SIGN_RULES: tuple[Callable[[Place], Guess | None], ...] = (
    _missing_parenthesis,
    _arguments_without_parentheses,
    _call_brackets,
    _wrong_closer,
    _short_fraction,
    _repeat_before,
    _plus_in_a_list,
    _arrow,
    _indices,
    _comparison,
    _call_of_range,
    _range_signs,
    _other_brackets,
    _bare_choice,
    _repeat,
)
