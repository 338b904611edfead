"""Likely mistakes in how statements begin and end: keywords, names, numbers, braces."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import pairwise

from tsdsl.syntax.grammar.machine import table
from tsdsl.syntax.recovery.match import Found
from tsdsl.syntax.recovery.mistake import Mistake, Writer

_MIN_SIMILARITY = 0.75
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


def _keywords(found: Found, kinds: frozenset[str]) -> Sequence[str]:
    """The keywords that may begin here and are similar, where what follows may follow them."""
    word = found.found
    if len(word) > _MAX_LENGTH:
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


def _other_name(found: Found, _: frozenset[str]) -> Sequence[str]:
    return (re.sub(r"[^A-Za-z0-9_]+", "_", found.found),)


def _numbered(found: Found, _: frozenset[str]) -> Sequence[str]:
    word, number = re.fullmatch(r"([a-z]+)_?([0-9]+)", found.found).groups()  # type: ignore[union-attr]
    return (f"{word} {number}",)


def _unquoted(found: Found, _: frozenset[str]) -> Sequence[str]:
    inner = found.found.strip('"')
    return (inner,) if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+", inner) else ()


def _quoted(found: Found, _: frozenset[str]) -> Sequence[str]:
    inner = found.found.strip("'`\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}")
    return (f'"{inner}"',) if inner and '"' not in inner else ()


def _declaring(found: Found, kinds: frozenset[str]) -> Sequence[str]:
    if "DOMAIN" not in kinds:
        return ()
    calls = [token.type for token in found.tokens[found.end + 2 : found.end + 4]] == ["NAME", "LPAR"]
    return ("block",) if calls else ("domain",)


def _from(found: Found, _: frozenset[str]) -> Sequence[str]:
    name = found.parts["base"]
    before = found.tokens[: found.begin - 1]
    is_declared = any(one.type in ("SPACE", "MODEL") and other.value == name for one, other in pairwise(before))
    return (f"from {name}",) if is_declared else ()


def _beginning(keyword: str, kind: str) -> Writer:
    def write(found: Found, kinds: frozenset[str]) -> Sequence[str]:
        return (f"{keyword} {found.found}",) if kind in kinds and found.found not in table().keywords else ()

    return write


STATEMENTS: tuple[Mistake, ...] = (
    Mistake(
        "tsspace: 1",
        "tsspace 1",
        "TSSPACE <(?:BAD/:/|EQUAL|NAME)> NUMBER",
        "the version follows `tsspace` directly",
        "",
    ),
    Mistake('tsspace "1"', "tsspace 1", "TSSPACE <STRING>", "the version is a number, without quotes", _unquoted),
    Mistake(
        "import imported/base.tsspace",
        'import "imported/base.tsspace"',
        "IMPORT <(?:NAME|BAD/[^'].*/) (?:&ANY)*+>",
        "the path of an import needs double quotes",
        _quoted,
    ),
    Mistake(
        'include "std:slowfast"',
        'import "std:slowfast"',
        "<NAME/include|use|load|require|using/> STRING",
        "`{found}` is not a keyword",
        "import",
    ),
    Mistake(
        "space narrow extends small {",
        "space narrow from small {",
        "(?:SPACE|MODEL) NAME <(?:NAME|BAD/:/|COMPARISON/</) {base=NAME}> LBRACE",
        "expected `from` or `{`, got `{got}`",
        "from {base}",
    ),
    Mistake(
        "space narrow (small) {",
        "space narrow from small {",
        "(?:SPACE|MODEL) NAME <LPAR {base=NAME} RPAR> LBRACE",
        "expected `from` or `{`, got `(`",
        "from {base}",
    ),
    Mistake(
        "space narrow small {",
        "space narrow from small {",
        "(?:SPACE|MODEL) NAME <{base=NAME}> LBRACE",
        "expected `from` or `{`, got `{base}`",
        _from,
    ),
    Mistake(
        "stream one two {",
        "stream one_two {",
        "(?:SPACE|STREAM|MODEL) <NAME NAME> LBRACE",
        "a name must be one word, got `{found}`",
        _other_name,
        remedy="suggested",
    ),
    Mistake(
        "space my-space {",
        "space my_space {",
        "<WORD (?:&MINUS &WORD|&SIGNED)+>",
        "a name may contain letters, digits and `_`, got `{found}`",
        _other_name,
        remedy="suggested",
    ),
    Mistake(
        'stream "slow" {',
        "stream slow {",
        "(?:SPACE|STREAM|MODEL|STAGE|FROM|STEP|FUSION|ARROW|ATTENTION) <STRING> (?:LBRACE|FROM|ARROW|STRING)",
        "names and numbers are written without quotes",
        _unquoted,
    ),
    Mistake(
        "fusion fast <- slow {",
        "fusion slow -> fast {",
        "FUSION <{target=NAME} COMPARISON/</ (?:&MINUS)? {source=NAME}>",
        "expected `->`, got `<-`",
        "{source} -> {target}",
        remedy="suggested",
    ),
    Mistake(
        "fusion fast from slow {",
        "fusion slow -> fast {",
        "FUSION <{target=NAME} FROM {source=NAME}>",
        "expected `->`, got `from`",
        "{source} -> {target}",
        remedy="suggested",
    ),
    Mistake(
        "fusion slow <-> fast {",
        "fusion slow -> fast {",
        "FUSION NAME <COMPARISON/</ (?:&ARROW|&MINUS &COMPARISON/>/)> NAME",
        "a fusion has one direction, got `{found}`",
        "->",
        help="write a second `fusion` for the other direction",
        remedy="none",
    ),
    Mistake(
        "fusion fast => slow {",
        "fusion fast -> slow {",
        "FUSION NAME <(?:EQUAL|MINUS|COMPARISON|ARROW|COMMA|PLUS|NAME/to|into|and/|BAD)+> NAME",
        "expected `->`, got `{found}`",
        "->",
        label="not an arrow",
    ),
    Mistake(
        "fusion fast slow {",
        "fusion fast -> slow {",
        "FUSION <{source=NAME} {target=NAME}> LBRACE",
        "expected `->` between two streams",
        "{source} -> {target}",
        remedy="suggested",
    ),
    Mistake(
        "fusion fast.stage[1] -> slow {",
        "fusion fast -> slow {",
        "FUSION <(?!NAME ARROW NAME LBRACE)PATH ARROW PATH>",
        "a fusion joins streams, not stages",
        help="name two streams, and choose the stages with `after = stage[...]`",
        remedy="none",
    ),
    Mistake(
        "stage1 {",
        "stage 1 {",
        "<NAME/(?:stage|step)_?[0-9]+/> (?:LBRACE|STRING|EQUAL|BAD/:/)",
        "`{found}` needs a blank before its number",
        _numbered,
    ),
    Mistake(
        "stage[1] {",
        "stage 1 {",
        "<{word=STAGE|STEP} (?:LSQB|LPAR) {number=NUMBER} (?:RSQB|RPAR)> (?:LBRACE|STRING)",
        "the number of a `{word}` is written without brackets",
        "{word} {number}",
    ),
    Mistake(
        'step 1: "slow" {',
        'step 1 "slow" {',
        "(?:STEP NUMBER|STAGE NUMBER|STREAM NAME|HEAD|SPACE NAME|MODEL NAME|STREAM|STEP|STAGE|MODEL) "
        "<(?:BAD/:/|EQUAL)> (?:LBRACE|STRING|NUMBER|NAME (?:LBRACE|FROM))",
        "expected {expected}, got `{found}`",
        "",
    ),
    Mistake(
        "stream slow:",
        "stream slow {",
        "(?:STEP NUMBER|STAGE NUMBER|STREAM NAME|HEAD|SPACE NAME|MODEL NAME|STEP NUMBER STRING) <BAD/:/> ^ANY",
        "blocks are written in braces",
        " {",
        help="write `{` here, and `}` where the block ends",
        remedy="suggested",
    ),
    Mistake(
        "step 1 slow {",
        'step 1 "slow" {',
        "STEP NUMBER <NAME (?:WORD)*> LBRACE",
        "the title of a step needs double quotes",
        _quoted,
    ),
    Mistake(
        "stage { group",
        "stage 0 { group",
        "<{word=STAGE|STEP}> (?:STRING|LBRACE|NAME LBRACE)",
        "`{word}` needs a number",
        help="for example `{word} 1`",
        label="the number is missing",
        remedy="none",
        expects="NUMBER",
    ),
    Mistake(
        "group = conv3d(",
        "group conv3d(",
        "GROUP <(?:EQUAL|BAD/:/)> NAME LPAR",
        "expected an operator after `group`, got `{found}`",
        "",
    ),
    Mistake(
        "group {conv3d(kernel = 1x3x3), none}",
        "group conv3d(kernel = 1x3x3)",
        "(?:GROUP|BLOCK NAME EQUAL) <LBRACE>",
        "the operator of a group cannot be searched: expected one operator, got `{`",
        help="write one operator; its attributes can be searched",
        remedy="none",
        expects="NAME",
        excludes="NUMBER",
    ),
    Mistake(
        "fuse fast -> slow {",
        "fusion fast -> slow {",
        "<NAME> NAME ARROW NAME LBRACE",
        "`{found}` is not a keyword",
        "fusion",
        label="unknown keyword",
        help="did you mean `fusion`?",
    ),
    Mistake(
        "strem slow {",
        "stream slow {",
        "<NAME> (?:NAME|NUMBER|LBRACE|STRING)",
        "`{found}` is not a keyword",
        _keywords,
        label="unknown keyword",
        help="did you mean `{written}`?",
    ),
    Mistake(
        "set classes = 10",
        "classes = 10",
        "<NAME/set|let|var|val|const|def|auto|int|float|str/> "
        "NAME/classes|size|frames|features|dropout|search|target|epochs/ EQUAL",
        "`{found}` is not a keyword",
        "",
        label="unknown keyword",
        excludes="COMMA",
    ),
    Mistake(
        "assert slow.k <= 3",
        "require slow.k <= 3",
        "<NAME/assert|assume|constraint|constrain|ensure|where|limit|rule|subject/> PATH COMPARISON",
        "`{found}` is not a keyword",
        lambda _, kinds: ("require",) if "REQUIRE" in kinds else (),
        label="unknown keyword",
        help="did you mean `require`?",
    ),
    Mistake(
        "let few = {1, 3}",
        "domain few = {1, 3}",
        "<NAME> NAME EQUAL",
        "`{found}` is not a keyword",
        _declaring,
        help="`domain` names values, `shared` one decision, `block` an operator",
        label="unknown keyword",
        remedy="suggested",
        excludes="COMMA",
    ),
    Mistake(
        "for i in 3..5 { stage",
        "stage",
        "<NAME/for|repeat|while|loop|foreach|each|times/ (?:WORD|NUMBER|RANGE|COMMA|STAR)*> LBRACE",
        "loops are not supported",
        help="write each stage; `group mb(...) * 3` repeats a group",
        remedy="none",
    ),
    Mistake(
        "if wide { stage",
        "stage",
        "<NAME/if|else|elif|when|switch|match/ (?:WORD|NUMBER|COMPARISON|DOT|LSQB|RSQB)*> LBRACE",
        "conditions are not supported",
        help="write a `require`, which excludes combinations of decisions",
        remedy="none",
    ),
    Mistake(
        "domain step = {1, 3}",
        "domain step_ = {1, 3}",
        "(?:SPACE|STREAM|DOMAIN|SHARED|BLOCK|MODEL|FROM|FUSION|FUSION NAME ARROW) <{word=KEYWORD}>",
        "`{word}` is a keyword and cannot be a name",
        "{word}_",
        help="choose another name",
        remedy="suggested",
        expects="NAME",
        excludes="NUMBER",
    ),
    Mistake(
        "stream 2slow {",
        "stream _2slow {",
        "(?:SPACE|STREAM|DOMAIN|SHARED|BLOCK|MODEL|FROM) <BAD/[0-9].*/>",
        "a name must begin with a letter or `_`, got `{found}`",
        "_{found}",
        remedy="suggested",
    ),
    Mistake(
        "narrow from small {",
        "space narrow from small {",
        "<NAME> (?:FROM|LBRACE)",
        "expected a keyword before `{found}`",
        _beginning("space", "SPACE"),
    ),
    Mistake(
        "large from small {",
        "model large from small {",
        "<NAME> FROM",
        "expected a keyword before `{found}`",
        _beginning("model", "MODEL"),
    ),
    Mistake(
        "mb(channels = 8)",
        "group mb(channels = 8)",
        "<NAME> LPAR",
        "expected `group` before `{found}`",
        _beginning("group", "GROUP"),
    ),
    Mistake(
        "slow.stage[1].k = 3",
        "fix slow.stage[1].k = 3",
        "<WORD> (?:DOT|LSQB)",
        "expected `fix` or `free` before `{found}`",
        _beginning("fix", "FIX"),
        help="`fix` gives a decision of the base one value, `free` other values",
        remedy="suggested",
        excludes="COMMA",
    ),
    Mistake(
        "slow { frames = 4",
        "stream slow { frames = 4",
        "<NAME> LBRACE (?:~NAME EQUAL|~KEYWORD)",
        "expected a keyword before `{found}`",
        help="for example `stream {found} {`",
        remedy="none",
        expects="EQUAL",
    ),
    Mistake(
        "from std import slowfast",
        'import "std:slowfast"',
        "<FROM (?:INNER)*? IMPORT (?:INNER)*>",
        "an import names a file, and everything in it can be used",
        help='write `import "std:slowfast"`',
        remedy="none",
    ),
    Mistake(
        "from = stage[0]",
        "after = stage[0]",
        "<{word=KEYWORD}> EQUAL",
        "`{word}` is a keyword and not an attribute",
        remedy="none",
        excludes="EQUAL",
    ),
)
