"""The parser's machine: tokens in, nodes out, by the table that is made from the grammar.

A machine can be copied and asked what it accepts, which recovery needs. Own design in place of Lark's interactive
parser, whose copies cost time in the length of the text, and which reads its grammar anew at each start.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple, TypeAlias

END = "$END"
_ALONE = ([(0, False, 0)], [(0, True, 0)])  # what a rule of one part keeps, mostly


class Token(NamedTuple):
    """A piece of the text of one terminal; the end of a text is one too."""

    type: str
    value: str
    start_pos: int
    end_pos: int


@dataclass(slots=True)
class Node:
    """What a rule has made of its parts; -1 where it covers nothing."""

    data: str
    children: list[Any]
    start_pos: int
    end_pos: int


Part: TypeAlias = "Token | Node | None"
Mark: TypeAlias = "tuple[list[int], list[tuple[Part, int]]]"


class Unexpected(Exception):
    """A token that the machine does not accept at its place."""


class Rule(NamedTuple):
    """`kept` is (position, whether its parts are taken in its place, Nones before it)."""

    name: str
    size: int
    kept: list[tuple[int, bool, int]]
    nones_at_end: int
    origin: str


@dataclass(frozen=True, slots=True)
class Table:
    """Terminals, rules and the actions of each state; see `compile_table`."""

    patterns: list[tuple[str, str]]
    keywords: dict[str, str]
    rules: list[Rule]
    states: list[dict[str, int]]
    start: int
    end: int


@lru_cache(maxsize=1)
def table() -> Table:
    """The table of the language's grammar."""
    folder = files("tsdsl.grammars")
    grammar = folder.joinpath("tsspace.lark").read_text(encoding="utf-8").replace("\r\n", "\n")
    data = json.loads(folder.joinpath("tsspace.json").read_text(encoding="utf-8"))
    if data["grammar"] != hashlib.sha256(grammar.encode("utf-8")).hexdigest():
        from tsdsl.syntax.grammar.compile_table import compile_table  # the grammar is being worked on

        data = compile_table(grammar)
    return Table(
        data["patterns"],
        data["keywords"],
        [Rule(name, size, [tuple(entry) for entry in kept], *more) for name, size, kept, *more in data["rules"]],
        data["states"],
        data["start"],
        data["end"],
    )


class Machine:
    """An LALR(1) machine in the middle of a text: the states it is in, and what it has read of each."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.states = [table.start]
        self.values: list[Part] = []

    def mark(self) -> Mark:
        """Where the machine is now, to go back to; cheap, as lists that grow are kept by their length."""
        return list(self.states), [
            (value, len(value.children) if isinstance(value, Node) and value.data.startswith("_") else -1)
            for value in self.values
        ]

    @classmethod
    def at(cls, mark: Mark) -> Machine:
        """A machine that goes on from a mark on its own."""
        machine = cls(table())
        machine.states = list(mark[0])
        machine.values = [
            Node(value.data, value.children[:length], value.start_pos, value.end_pos)
            if isinstance(value, Node) and length >= 0
            else value
            for value, length in mark[1]
        ]
        return machine

    def copy(self) -> Machine:
        """A machine that goes on from here on its own."""
        return Machine.at(self.mark())

    def feed(self, token: Token) -> None:
        """Take one token.

        Raises:
            Unexpected: it cannot stand here. What stood before it is then read as far as it was complete.
        """
        states, actions = self.states, self.table.states
        while (action := actions[states[-1]].get(token.type)) is not None:
            if action >= 0:
                states.append(action)
                self.values.append(token)
                return
            self._reduce(self.table.rules[-1 - action])
        raise Unexpected(token)

    def finish(self) -> Node:
        """What the whole text is.

        Raises:
            Unexpected: it cannot end here.
        """
        states, actions = self.states, self.table.states
        while states[-1] != self.table.end:
            action = actions[states[-1]].get(END)
            if action is None:
                raise Unexpected(END)
            self._reduce(self.table.rules[-1 - action])
        whole = self.values[-1]
        assert isinstance(whole, Node)
        return whole

    def takes(self, kind: str) -> bool:
        """Whether a token of this kind can stand here, all reductions before it tried."""
        actions, rules = self.table.states, self.table.rules
        action = actions[self.states[-1]].get(kind)
        if action is None or action >= 0:
            return action is not None
        states = list(self.states)
        while action is not None and action < 0:
            rule = rules[-1 - action]
            if rule.size:
                del states[-rule.size :]
            states.append(actions[states[-1]][rule.origin])
            if kind == END and states[-1] == self.table.end:
                return True
            action = actions[states[-1]].get(kind)
        return action is not None

    def accepts(self) -> set[str]:
        """The kinds of tokens that can stand here."""
        return {kind for kind in self.table.states[self.states[-1]] if kind.upper() == kind and self.takes(kind)}

    def _reduce(self, rule: Rule) -> None:
        name, size, kept, nones_at_end, origin = rule
        if size == 1 and not nones_at_end and kept in _ALONE:
            made = self._renamed(name, kept[0][1])
            self.states.pop()
        else:
            made = self._joined(name, size, kept, nones_at_end)
            if size:
                del self.states[-size:]
        self.values.append(made)
        self.states.append(self.table.states[self.states[-1]][origin])

    def _renamed(self, name: str, takes_its_parts: bool) -> Node:
        """The last part alone, or all that it is made of, under another name."""
        part: Any = self.values.pop()
        return Node(name, part.children if takes_its_parts else [part], part.start_pos, part.end_pos)

    def _joined(self, name: str, size: int, kept: list[tuple[int, bool, int]], nones_at_end: int) -> Node:
        parts: list[Any] = self.values[-size:] if size else []
        if size:
            del self.values[-size:]
        start = end = -1
        for part in parts:
            if part is not None and part.start_pos >= 0:
                if start < 0:
                    start = part.start_pos
                end = part.end_pos
        children: list[Any] = []
        for position, takes_its_parts, nones in kept:
            if nones:
                children += [None] * nones
            if not takes_its_parts:
                children.append(parts[position])
            elif children:
                children += parts[position].children
            else:
                children = parts[position].children  # a list that grows from the left stays the same list
        if nones_at_end:
            children += [None] * nones_at_end
        return Node(name, children, start, end)
