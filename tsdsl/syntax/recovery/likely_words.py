"""What was most likely meant by words that are misspelt, missing, or one too many."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import SequenceMatcher
from types import MappingProxyType

from tsdsl.diagnostics import Edit, Fix, replacement
from tsdsl.source import Span
from tsdsl.syntax.grammar.machine import Token, table
from tsdsl.syntax.recovery.place import SELECTING, UNFINISHED, Guess, Place, ends_a_word, span_of, told

_SIMILAR = 0.75
_MOST_GAPS = 50
_LONGEST = 20
_NUMBERED = re.compile(r"(stage|step)_?([0-9]+)")
_AFTER_KEYWORD = frozenset({"NAME", "NUMBER", "LBRACE", "STRING"})
_FOLLOWING: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        **{word: frozenset({"NUMBER"}) for word in ("tsspace", "stage", "step", "by")},
        "head": frozenset({"LBRACE"}),
        "import": frozenset({"STRING"}),
        "require": _AFTER_KEYWORD,
    }
)
_DECLARING = frozenset({"SPACE", "STREAM", "DOMAIN", "SHARED", "BLOCK", "MODEL"})
_IN_A_LIST = SELECTING | {"DOT", "LSQB", "COMMA", "RBRACE"}


def looks_misspelt(place: Place) -> bool:
    """Whether a name that may stand as an attribute's is none: no `=` follows, but what follows a keyword or a list.

    Cheap, as it is asked of every name.
    """
    if place.token.type == "STEP":
        return place.kind(-1) == "NUMBER" and place.kind(-2) == "RANGE"
    if place.token.type != "NAME":
        begins_an_item = place.kind(1) in ("NUMBER", "LBRACE") or (place.kind(1) == "NAME" and place.kind(2) != "EQUAL")
        return not begins_an_item and ends_a_word(place, 0)
    following, before = place.kind(1), place.kind(-1)
    if following == "LPAR":
        return before == "COMMA"
    if following == "LSQB" and (place.kind(2), place.kind(3)) == ("NAME", "EQUAL"):
        return True
    if following in ("DOT", "LSQB") and before not in ("EQUAL", "COMMA", "DOT", "FIX", "FREE", "REQUIRE"):
        return True
    return following in _AFTER_KEYWORD or (
        before in ("NAME", "RSQB") and following in _IN_A_LIST and ends_a_word(place, 0)
    )


def _misspelt_keyword(place: Place) -> Guess | None:
    """`strem a {`, `heads {`, `Group mb(...)`."""
    token = place.token
    if token.type != "NAME" or place.kind(1) not in _AFTER_KEYWORD or place.kind(-1) in UNFINISHED:
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
    span = span_of(token)
    fixes = (replacement(f"change to `{word}`", span, word, safe=safe),)
    read = token._replace(type=table().keywords[word], value=word)
    message = f"there is no keyword `{token.value}`"
    return told(place, span, message, "unknown keyword", f"did you mean `{word}`?", fixes, 1, (read,))


def _missing_commas(place: Place) -> Guess | None:
    """`search = sparse dense`, `attention sparse dense {`: all gaps of the list at once."""
    if "COMMA" not in place.accepted or place.token.type not in SELECTING or not ends_a_word(place, 0):
        return None
    read: list[Token] = []
    gaps: list[int] = []
    number = place.position
    while number < len(place.tokens) and len(gaps) < _MOST_GAPS:
        token = place.tokens[number]
        following = place.tokens[number + 1] if number + 1 < len(place.tokens) else None
        if ends_a_word(place, number - place.position, in_list=bool(gaps)):
            if following is not None and following.type == "EQUAL":
                break
            gaps.append(place.tokens[number - 1].end_pos)
            read.append(Token("COMMA", ",", gaps[-1], gaps[-1]))
        elif token.type not in (*SELECTING, "DOT", "LSQB", "RSQB", "NUMBER", "STAR", "COMMA", "RANGE"):
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
    return told(
        place, span, message, "a comma is missing between these", "commas stand between them", (fix,), last, read
    )


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
    return told(place, span, f"expected `{{`, found {what}", "a brace is missing after this", "", (fix,), 1, read)


def _missing_from(place: Place) -> Guess | None:
    """`space a base {`, `space a extends base {`, `model L (S) {`."""
    before, token = place.at(-1), place.token
    if "FROM" not in place.accepted or before is None or place.kind(-2) not in ("SPACE", "MODEL"):
        return None
    last = place.position
    if token.type == "NAME" and place.kind(1) == "LBRACE" and not _is_declared(place, token.value):
        span, joined = Span(before.start_pos, token.end_pos), f"{before.value}_{token.value}"
        fixes = (
            replacement(f"write `from {token.value}`", span_of(token), f"from {token.value}"),
            replacement(f"write `{joined}`", span, joined),
        )
        help_text = f"write `from {token.value}` to begin as that, or one word for a name"
        message = f"expected `from` or `{{`, found `{token.value}`"
        return told(place, span_of(token), message, "not expected here", help_text, fixes, 1, ())
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


def _is_declared(place: Place, name: str) -> bool:
    """Whether a space or model of this name is begun anywhere before."""
    pairs = zip(place.tokens[: place.position], place.tokens[1 : place.position], strict=False)
    return any(one.type in ("SPACE", "MODEL") and other.value == name for one, other in pairs)


def _missing_keyword(place: Place) -> Guess | None:
    """`narrow from base {` for a space; `sparse.stage[1].t = 1` for a `fix`."""
    token, following = place.token, place.kind(1)
    if token.type != "NAME" or place.kind(-1) in UNFINISHED:
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
    return told(place, span_of(token), message, "not expected here", help_text, (fix,), 1, read)


def _equal(place: Place) -> Guess | None:
    """`t to 1` and `t == 1` for `t = 1`; `without attention`."""
    token, before = place.token, place.at(-1)
    if "EQUAL" not in place.accepted or before is None or not place.is_on_one_line(before, token):
        return None
    if token.value in ("==", "<=", "to", "is", "as", "be", "of"):
        fix = replacement("write `=`", span_of(token), "=", safe=True)
        read: tuple[Token, ...] = (token._replace(type="EQUAL", value="="),)
        found = f"expected `=`, found `{token.value}`"
        return told(place, span_of(token), found, "not expected here", "write `=`", (fix,), 1, read)
    if place.accepted == {"EQUAL"} and token.type in SELECTING - {"NAME"}:
        fix = replacement("insert `=`", Span(before.end_pos, before.end_pos), " =", safe=True)
        read = (Token("EQUAL", "=", before.end_pos, before.end_pos), token)
        help_text = "attributes are written `name = value`"
        found = f"expected `=`, found `{token.value}`"
        return told(place, span_of(token), found, "not expected here", help_text, (fix,), 1, read)
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
    return told(place, span_of(token), message, "a closing `}` is missing before it", "", (fix,), 1, (brace, token))


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
        written, span, last = f"{found[1]} {found[2]}", span_of(token), 1
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
    return told(place, span, message, "no keyword and number", f"write `{written.strip()}`", (fix,), last, read)


def _unquoted_title(place: Place) -> Guess | None:
    """`step 2 rest {`."""
    token = place.token
    if token.type != "NAME" or not {"STRING", "LBRACE"} <= place.accepted or place.kind(1) != "LBRACE":
        return None
    fix = replacement("insert quotes", span_of(token), f'"{token.value}"', safe=True)
    read = (token._replace(type="STRING", value=f'"{token.value}"'),)
    help_text = f'write `"{token.value}"`'
    return told(place, span_of(token), "a title stands in quotes", "no quotes", help_text, (fix,), 1, read)


def _other_declaration(place: Place) -> Guess | None:
    """`let few = {1, 3}`, `def mb = mbconv3d(...)`."""
    token = place.token
    if token.type != "NAME" or "DOMAIN" not in place.accepted or place.kind(-1) in UNFINISHED:
        return None
    if (place.kind(1), place.kind(2)) != ("NAME", "EQUAL") or not place.is_on_one_line(
        token, place.tokens[place.position + 1]
    ):
        return None
    word = "block" if (place.kind(3), place.kind(4)) == ("NAME", "LPAR") else "domain"
    fix = replacement(f"change to `{word}`", span_of(token), word)
    help_text = "`domain` names values, `shared` one decision, `block` an operator"
    read = (token._replace(type=word.upper(), value=word),)
    return told(
        place, span_of(token), f"there is no keyword `{token.value}`", "unknown keyword", help_text, (fix,), 1, read
    )


def _keyword_for_a_name(place: Place) -> Guess | None:
    """`domain step = {1, 3}`."""
    token = place.token
    if place.accepted != {"NAME"} or place.kind(-1) not in _DECLARING or token.type not in table().keywords.values():
        return None
    if not place.is_on_one_line(place.tokens[place.position - 1], token):
        return None
    name = f"{token.value}_"
    fix = replacement(f"change to `{name}`", span_of(token), name)
    message = f"`{token.value}` is a word of the language, and no name"
    read = (token._replace(type="NAME"),)
    return told(place, span_of(token), message, "no name", "choose another name", (fix,), 1, read)


def _name_of_two_words(place: Place) -> Guess | None:
    """`stream one two {`."""
    token, before = place.token, place.at(-1)
    if place.accepted != {"LBRACE"} or before is None or place.kind(-2) != "STREAM":
        return None
    if token.type != "NAME" or place.kind(1) != "LBRACE":
        return None
    span, name = Span(before.start_pos, token.end_pos), f"{before.value}_{token.value}"
    fix = replacement(f"write `{name}`", span, name)
    return told(place, span, "a name is one word", "no name", f"write `{name}`", (fix,), 1, ())


def _dash_in_a_name(place: Place) -> Guess | None:
    """`space my-models {`."""
    token, before, after = place.token, place.at(-1), place.at(1)
    if "LBRACE" not in place.accepted or token.type != "MINUS" or before is None or after is None:
        return None
    if before.type != "NAME" or after.type != "NAME" or not before.end_pos == token.start_pos == after.start_pos - 1:
        return None
    span, name = Span(before.start_pos, after.end_pos), f"{before.value}_{after.value}"
    fix = replacement(f"write `{name}`", span, name)
    return told(place, span, "a name has letters, digits and `_`", "no name", f"write `{name}`", (fix,), 2, ())


def _word_behind_a_number(place: Place) -> Guess | None:
    """`frames = 12 fps`."""
    word, number = place.at(-1), place.at(-2)
    if place.accepted != {"EQUAL"} or word is None or number is None or word.type != "NAME":
        return None
    if number.type != "NUMBER" or not place.is_on_one_line(number, word):
        return None
    fix = replacement("remove it", Span(number.end_pos, word.end_pos), "", safe=False)
    message = f"`{word.value}` is no unit and no attribute"
    return Guess(span_of(word), message, "not expected here", "remove it, or write `=` and a value after it", (fix,))


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
    return Guess(span_of(before), f"a {word} has a number", "the number is missing", example, ())


def _first_token(place: Place) -> Guess | None:
    """A file that begins with neither its version nor a statement."""
    if place.position != 0 or "TSSPACE" not in place.accepted:
        return None
    found = f"a file begins with its language version, not with `{place.token.value[:40]}`"
    return Guess(span_of(place.token), found, "not expected here", "begin with `tsspace 1`", ())


def _similarity(one: str, other: str) -> float:
    return SequenceMatcher(None, one.casefold(), other).ratio()


WORD_RULES: tuple[Callable[[Place], Guess | None], ...] = (
    _misspelt_keyword,
    _numbered_name,
    _missing_from,
    _missing_keyword,
    _unquoted_title,
    _other_declaration,
    _keyword_for_a_name,
    _name_of_two_words,
    _dash_in_a_name,
    _word_behind_a_number,
    _missing_commas,
    _equal,
    _missing_number,
    _missing_brace,
    _missing_end,
    _first_token,
)
