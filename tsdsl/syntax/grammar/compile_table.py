"""From the grammar to the parser's table, by Lark.

`python -m tsdsl.syntax.grammar.compile_table` writes it beside the grammar.

Lark takes longer to read a grammar than to read a space, so the table is kept. It knows which text it was made
from: one that is older than its grammar is never used.
"""

from __future__ import annotations

import hashlib
import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

from lark import Lark
from lark.grammar import Rule
from lark.parse_tree_builder import maybe_create_child_filter
from lark.parsers.lalr_analysis import Shift

TABLE_NAME = "tsspace.json"
GRAMMAR_NAME = "tsspace.lark"


def fingerprint(grammar: str) -> str:
    """What a grammar's text is recognised by."""
    return hashlib.sha256(grammar.replace("\r\n", "\n").encode("utf-8")).hexdigest()


def compile_table(grammar: str) -> dict[str, Any]:
    """Terminals in the order in which they are tried, rules with what they keep, and the actions of each state.

    An action is the state to go to, or for a reduction by rule r the number -1 - r.
    """
    lark = Lark(grammar, parser="lalr", lexer="basic", maybe_placeholders=True)
    parse_table = lark.parser.parser._parse_table
    start = parse_table.start_states["start"]
    # Lark numbers states as sets happen to be ordered; the table's are numbered as they are met from the start.
    order = [start]
    numbers = {start: 0}
    for state in order:
        for _, (action, target) in sorted(parse_table.states[state].items()):
            if action is Shift and target not in numbers:
                numbers[target] = len(order)
                order.append(target)
    actions = [entry for state in order for entry in parse_table.states[state].values()]
    reductions = {argument for action, argument in actions if action is not Shift}
    rules = {
        rule: number
        for number, rule in enumerate(sorted(reductions, key=lambda rule: (str(rule), rule.options.empty_indices)))
    }
    states = [
        {
            symbol: numbers[argument] if action is Shift else -1 - rules[argument]
            for symbol, (action, argument) in sorted(parse_table.states[state].items())
        }
        for state in order
    ]
    terminals = sorted(lark.terminals, key=lambda t: (-t.priority, -t.pattern.max_width, -len(t.pattern.value), t.name))
    name = re.compile(next(t for t in terminals if t.name == "NAME").pattern.to_regexp())
    literals = {t.pattern.value: t.name for t in terminals if t.pattern.type == "str"}
    keywords = {value: terminal for value, terminal in literals.items() if name.fullmatch(value)}
    return {
        "grammar": fingerprint(grammar),
        "patterns": [[t.name, t.pattern.to_regexp()] for t in terminals if t.name not in keywords.values()],
        "keywords": keywords,
        "rules": [_rule(rule) for rule in rules],
        "states": states,
        "start": 0,
        "end": numbers[parse_table.end_states["start"]],
    }


def _rule(rule: Rule) -> list[Any]:
    """The name of what a rule makes, its size, and [position, whether its parts are taken instead, Nones before]."""
    options = rule.options
    made = maybe_create_child_filter(rule.expansion, options.keep_all_tokens, False, list(options.empty_indices))
    kept: Any = [[position, False, 0] for position in range(len(rule.expansion))]
    nones_at_end = 0
    if made is not None:
        kept = [[*entry, 0][:3] for entry in made.args[0]]
        nones_at_end = made.args[1] if len(made.args) > 1 else 0
    return [rule.alias or rule.origin.name, len(rule.expansion), kept, nones_at_end, rule.origin.name]


def table_text(grammar: str) -> str:
    """The file's text: JSON, a line for each rule and state, so that changes can be read."""
    data = compile_table(grammar)
    rows = [f" {json.dumps(key)}: {_rows(value)}" for key, value in data.items()]
    return "{\n" + ",\n".join(rows) + "\n}\n"


def _rows(value: Any) -> str:
    if not isinstance(value, list):
        return json.dumps(value)
    return "[\n" + ",\n".join(f"  {json.dumps(entry)}" for entry in value) + "\n ]"


if __name__ == "__main__":
    folder = Path(str(files("tsdsl.grammars")))
    written = folder.joinpath(GRAMMAR_NAME).read_text(encoding="utf-8")
    folder.joinpath(TABLE_NAME).write_text(table_text(written), encoding="utf-8")
