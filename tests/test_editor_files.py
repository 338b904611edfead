"""The files that editors read are those that the language gives: grammar, extension, what the page of editors says."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from generate.textmate_grammar import GRAMMARS, PLACES, text, textmate
from tsdsl.syntax.grammar.lexer import lex

ROOT = GRAMMARS.parent
SPACES = sorted((ROOT / "spaces").glob("*.tsspace"))


@pytest.mark.parametrize("place", PLACES, ids=lambda place: str(place.relative_to(GRAMMARS)))
def test_the_textmate_grammar_is_what_the_terminals_give(place: Path) -> None:
    assert place.read_text(encoding="utf-8") == text(), "run `python tests/generate/textmate_grammar.py`"


def scopes(line: str) -> dict[str, str]:
    """Each word of a line with its scope, as a TextMate engine finds it: leftmost match, then the first rule."""
    found: dict[str, str] = {}
    position = 0
    rules = [(re.compile(rule["match"]), rule) for rule in textmate()["patterns"]]
    while position < len(line):
        matches = [
            (match.start(), number, match, rule)
            for number, (pattern, rule) in enumerate(rules)
            if (match := pattern.search(line, position))
        ]
        if not matches:
            break
        _, _, match, rule = min(matches, key=lambda found: found[:2])
        if "captures" in rule:
            for group, capture in rule["captures"].items():
                found[match[int(group)]] = capture["name"]
        else:
            found[match[0]] = rule["name"]
        position = match.end()
    return {word: scope.removesuffix(".tsspace") for word, scope in found.items()}


def test_words_get_the_scope_of_what_they_are() -> None:
    assert scopes("  group mb_3(channels = 32 .. 48 by 8, kernel = 1x3x3) * 2  # three") == {
        "group": "keyword.control",
        "mb_3": "entity.name.function",
        "channels": "variable.other.property",
        "32": "constant.numeric",
        "..": "keyword.operator",
        "48": "constant.numeric",
        "by": "keyword.control",
        "8": "constant.numeric",
        "kernel": "variable.other.property",
        "=": "keyword.operator",
        "1x3x3": "constant.numeric.kernel",
        "*": "keyword.operator",
        "2": "constant.numeric",
        "# three": "comment.line.number-sign",
    }
    assert scopes('stream x3d { target = 1.4 GFLOPs title "a # b"') == {
        "stream": "keyword.control",
        "x3d": "entity.name.type",
        "target": "variable.other.property",
        "=": "keyword.operator",
        "1.4": "constant.numeric",
        "GFLOPs": "keyword.other.unit",
        "title": "variable.other",
        '"a # b"': "string.quoted.double",
    }
    assert scopes("space b from a { require one.flops <= 2 * flops - head.flops  fix op = none }") == {
        "space": "keyword.control",
        "b": "entity.name.type",
        "from": "keyword.control",
        "a": "entity.name.type",
        "require": "keyword.control",
        "one": "variable.other",
        "flops": "variable.other",
        "<=": "keyword.operator",
        "2": "constant.numeric",
        "*": "keyword.operator",
        "-": "keyword.operator",
        "head": "keyword.control",
        "fix": "keyword.control",
        "op": "variable.other.property",
        "=": "keyword.operator",
        "none": "constant.language",
    }


SCOPES_OF = {
    "COMMENT": {"comment.line.number-sign"},
    "STRING": {"string.quoted.double"},
    "KERNEL": {"constant.numeric.kernel"},
    "FACTOR": {"constant.numeric.factor"},
    "NUMBER": {"constant.numeric"},
    "SIGNED": {"constant.numeric"},
    "UNIT": {"keyword.other.unit"},
    "NAME": {
        "constant.language",
        "entity.name.function",
        "entity.name.type",
        "variable.other",
        "variable.other.property",
    },
}
PUNCTUATION = frozenset({"WS", "COMMA", "DOT", "LBRACE", "RBRACE", "LPAR", "RPAR", "LSQB", "RSQB"})


def lines_of_shipped_spaces_and_of_the_page() -> list[str]:
    texts = [path.read_text(encoding="utf-8") for path in SPACES]
    page = (ROOT / "tsdsl" / "docs" / "language.md").read_text(encoding="utf-8")
    texts += re.findall(r"```tsspace[^\n]*\n(.*?)```", page, re.DOTALL)
    return sorted({line for text in texts for line in text.split("\n")})


def test_every_token_gets_the_scope_of_its_kind_in_every_shipped_space_and_example() -> None:
    for line in lines_of_shipped_spaces_and_of_the_page():
        found = scopes(line)
        for token in lex(line):
            if token.type in PUNCTUATION:
                continue
            is_word = token.type == token.value.upper()
            expected = SCOPES_OF.get(token.type, {"keyword.control"} if is_word else {"keyword.operator"})
            assert found.get(token.value) in expected, (token, line)


def test_the_extension_names_files_that_exist() -> None:
    folder = GRAMMARS / "vscode"
    extension = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    json.loads((folder / "language-configuration.json").read_text(encoding="utf-8"))
    contributed = extension["contributes"]
    named = [extension["main"], contributed["languages"][0]["configuration"], contributed["grammars"][0]["path"]]
    assert all((folder / name).is_file() for name in named)
    assert contributed["configuration"]["properties"]["tsspace.command"]["default"] == ["tsdsl", "lsp"]


def test_the_settings_on_the_page_of_editors_are_well_formed() -> None:
    page = (ROOT / "tsdsl" / "docs" / "editors.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 2
    helix = tomllib.loads(blocks[0])
    assert [helix["language-server"]["tsdsl"]["command"], *helix["language-server"]["tsdsl"]["args"]] == [
        "tsdsl",
        "lsp",
    ]
    assert helix["language"][0]["language-servers"] == ["tsdsl"]
