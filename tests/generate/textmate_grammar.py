"""The TextMate grammar of the language, made from the terminals of the Lark grammar.

`python tests/generate/textmate_grammar.py` writes it to `grammars/` and into the extension for VS Code.
A test compares them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tsdsl.syntax.grammar.machine import table

GRAMMARS = Path(__file__).parent.parent.parent / "grammars"
PLACES = (GRAMMARS / "tsspace.tmLanguage.json", GRAMMARS / "vscode" / "tsspace.tmLanguage.json")
SCOPES = {
    "COMMENT": "comment.line.number-sign",
    "STRING": "string.quoted.double",
    "KERNEL": "constant.numeric.kernel",
    "FACTOR": "constant.numeric.factor",
    "SIGNED": "constant.numeric",
    "NUMBER": "constant.numeric",
    "UNIT": "keyword.other.unit",
}
SIGNS = ("COMPARISON", "ARROW", "RANGE", "EQUAL", "STAR", "PLUS", "MINUS")
NAMED = ("space", "stream", "domain", "shared", "block", "model", "from")


def textmate() -> dict[str, Any]:
    """Rules in the order in which they are tried: what terminals say first, then names by what stands beside them."""
    terminals, words = dict(table().patterns), sorted(table().keywords)
    name = terminals["NAME"]
    patterns = [_rule(scope, terminals[terminal]) for terminal, scope in SCOPES.items()]
    declaring = "|".join(word for word in NAMED if word in words)
    patterns.append(
        {
            "match": rf"\b({declaring})\s+({name})(?!\s*\.)",
            "captures": {
                "1": {"name": "keyword.control.tsspace"},
                "2": {"name": "entity.name.type.tsspace"},
            },
        }
    )
    patterns.append(_rule("keyword.control", rf"\b(?:{'|'.join(words)})\b"))
    patterns.append(_rule("variable.other.property", rf"{name}(?=\s*=)"))
    patterns.append(_rule("entity.name.function", rf"{name}(?=\s*\()"))
    patterns.append(_rule("constant.language", r"none\b"))
    patterns.append(_rule("variable.other", name))
    patterns.append(_rule("keyword.operator", "|".join(terminals[sign] for sign in SIGNS)))
    return {
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "name": "tsspace",
        "scopeName": "source.tsspace",
        "fileTypes": ["tsspace"],
        "patterns": patterns,
    }


def _rule(scope: str, pattern: str) -> dict[str, str]:
    return {"name": f"{scope}.tsspace", "match": pattern}


def text() -> str:
    """The file's text."""
    return json.dumps(textmate(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for place in PLACES:
        place.write_text(text(), encoding="utf-8")
