"""A table of architecture -> accuracy: search methods compared in seconds, without weights or clips.

    {"name": "my table",
     "decisions": {PATH: [VALUE, ...], ...},
     "architectures": [{"decisions": {PATH: VALUE, ...}, "accuracy": 0.93, "test_accuracy": 0.92, "flops": 65012224}]}

`accuracy` is what a search sees and `test_accuracy` what is reported of what it ends with; both are from 0 to 1, or in
percent where any of them is above 1. `test_accuracy` and `flops` (multiply-adds) are given for all architectures or
for none. Not every combination must be there. A decision that some architectures leave out is nested: it exists
exactly where another decision has a certain value. `about`, anywhere beside these keys, may hold anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from tsdsl.errors import FileError, UsageError
from tsdsl.files import read_json
from tsdsl.files.reading import MAX_LIST_BYTES
from tsdsl.operators.varying import Array
from tsdsl.searching.distribution.factorised import Decisions, Variables
from tsdsl.searching.distribution.linear_model import Terms, totals
from tsdsl.space.parts import Decision, Parent, Value
from tsdsl.space.stored import record_of

Key: TypeAlias = tuple[Value | None, ...]
FORMAT_HELP = (
    'the format is {"name": TEXT, "decisions": {PATH: [VALUES]}, "architectures": [{"decisions": {PATH: VALUE}, '
    '"accuracy": 0.93, "test_accuracy": 0.92, "flops": 65012224}]}; test_accuracy and flops may be left out everywhere'
)
MAX_PAIRS = 100
"""With more pairs of decisions than that, pairs of neighbours in the table's order alone."""


@dataclass(frozen=True)
class Row:
    """One measured architecture; accuracies are in 0..1, `reported` is `test_accuracy` or else `accuracy`."""

    decisions: Decisions
    accuracy: float
    macs: float | None = None
    test_accuracy: float | None = None

    @property
    def reported(self) -> float:
        """What is reported of it."""
        return self.accuracy if self.test_accuracy is None else self.test_accuracy


@dataclass(frozen=True, eq=False)
class AccuracyTable:
    """The measured architectures of some variables, each once."""

    variables: Variables
    rows: Mapping[Key, Row]
    source: str

    def row(self, decisions: Decisions) -> Row:
        """The row of an architecture.

        Raises:
            UsageError: the table does not have it.
        """
        found = self.rows.get(key(self.variables, decisions))
        if found is None:
            named = ", ".join(f"{path}={value}" for path, value in decisions.items())
            raise UsageError(
                f"{self.source}: has no accuracy of the architecture {named}",
                help="add it, or search with a method that only draws what the table has: all but parsec with a hinge",
            )
        return found

    @property
    def has_macs(self) -> bool:
        """Whether the table has the multiply-adds of its architectures."""
        return all(row.macs is not None for row in self.rows.values())


@dataclass(frozen=True, eq=False)
class TableCandidates:
    """The architectures of a table with at most `target_macs`; all of them where that is None.

    Raises:
        UsageError: the table has no FLOPs, or nothing is within the target.
    """

    table: AccuracyTable
    target_macs: float | None = None

    def __post_init__(self) -> None:
        if self.target_macs is None:
            return
        if not self.table.has_macs:
            raise UsageError(
                f"{self.table.source}: has no flops, so the target of {self.target_macs:,} cannot be checked",
                help="add flops to every architecture, or search without a target",
            )
        if not self.rows:
            least = min(row.macs or 0 for row in self.table.rows.values())
            raise UsageError(
                f"{self.table.source}: no architecture has at most {self.target_macs:,} FLOPs",
                help=f"give a target of at least {least:,}",
            )

    @property
    def variables(self) -> Variables:
        """The decisions of the table."""
        return self.table.variables

    def macs(self, architecture: Decisions) -> float | None:
        """The multiply-adds that the table has."""
        return self.table.row(architecture).macs

    def is_within(self, architecture: Decisions) -> bool:
        """Whether the table has the architecture, within the target."""
        return key(self.variables, architecture) in self._numbers

    @cached_property
    def rows(self) -> Sequence[Row]:
        """All of them, in the order of the table."""
        return [
            row for row in self.table.rows.values() if self.target_macs is None or (row.macs or 0) <= self.target_macs
        ]

    @cached_property
    def _numbers(self) -> Mapping[Key, int]:
        return {key(self.variables, row.decisions): number for number, row in enumerate(self.rows)}

    @cached_property
    def terms(self) -> Terms:
        """All pairs of decisions, as a table does not say which are neighbours; unless they are too many."""
        count = len(self.variables.decisions)
        pairs = tuple(combinations(range(count), 2))
        if len(pairs) > MAX_PAIRS:
            pairs = tuple((number, number + 1) for number in range(count - 1))
        return Terms(self.variables.decisions, pairs)

    @cached_property
    def _active(self) -> Array:
        return self.terms.active([row.decisions for row in self.rows])

    def number(self, architecture: Decisions) -> int:
        """The position of an architecture in `rows`."""
        return self._numbers[key(self.variables, architecture)]

    def best(self, weights_W: Array, barred: Sequence[int] = ()) -> dict[str, Value]:
        """The architecture with the largest total; of those whose numbers are not barred, unless all are."""
        scores_N = totals(weights_W[None], self._active)[0]
        if len(set(barred)) < len(self.rows):
            scores_N[list(barred)] = -np.inf
        return dict(self.rows[int(scores_N.argmax())].decisions)

    def draws(self, seed: int) -> Iterator[dict[str, Value]]:
        """Uniform rows within the target."""
        generator = np.random.default_rng(seed)
        while True:
            yield dict(self.rows[int(generator.integers(len(self.rows)))].decisions)


def key(variables: Variables, decisions: Decisions) -> Key:
    """What tells an architecture from others: the values of the variables in order, None where one does not exist."""
    return tuple(decisions.get(decision.path) for decision in variables.decisions)


def accuracy_table(rows: Iterable[Row], variables: Variables, source: str) -> AccuracyTable:
    """The table of these rows, each checked to be an architecture of the variables.

    Raises:
        FileError: a row is not an architecture, is there twice, or has an accuracy that is out of range.
    """
    found: dict[Key, Row] = {}
    for number, row in enumerate(rows, start=1):
        place = f"{source}: architecture {number}"
        _require_architecture(variables, row.decisions, place)
        own = key(variables, row.decisions)
        if own in found:
            _refuse(place, "is the same as an earlier one", "keep one of the two")
        for accuracy in (row.accuracy, row.reported):
            if not 0 <= accuracy <= 1:
                _refuse(place, f"expected an accuracy from 0 to 1 (or 0 to 100 percent), got {accuracy}", FORMAT_HELP)
        found[own] = row
    if not found:
        _refuse(source, "has no architectures", FORMAT_HELP)
    return AccuracyTable(variables, found, source)


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)

    about: Any = None


class _Architecture(_Strict):
    decisions: dict[str, Value]
    accuracy: float
    test_accuracy: float | None = None
    flops: float | None = Field(default=None, ge=0)


class _Table(_Strict):
    name: str
    decisions: dict[str, list[Value]]
    architectures: list[_Architecture]


def read_table(path: Path) -> AccuracyTable:
    """The table in a JSON file; see the module for the format.

    Raises:
        FileError: the file cannot be read, or is not such a table; the message names the place.
    """
    table = record_of(read_json(path, FORMAT_HELP, MAX_LIST_BYTES), _Table, f"{path}: is not a table", FORMAT_HELP)
    for name in ("test_accuracy", "flops"):
        missing = [n for n, a in enumerate(table.architectures, start=1) if getattr(a, name) is None]
        if missing and len(missing) < len(table.architectures):
            _refuse(f"{path}: architecture {missing[0]}", f"has no {name}, and others have", "give it for all or none")
    accuracies = [a for row in table.architectures for a in (row.accuracy, row.test_accuracy) if a is not None]
    unit = 100.0 if any(accuracy > 1 for accuracy in accuracies) else 1.0
    rows = [
        Row(
            row.decisions,
            row.accuracy / unit,
            row.flops,
            None if row.test_accuracy is None else row.test_accuracy / unit,
        )
        for row in table.architectures
    ]
    return accuracy_table(rows, _variables(table, str(path)), table.name)


def _variables(table: _Table, source: str) -> Variables:
    """The decisions of a table, each after the one that it is nested under."""
    found: list[Decision] = []
    for path, values in table.decisions.items():
        if not values or len(set(values)) < len(values):
            _refuse(f"{source}: decisions.{path}", "expected different values, at least one", FORMAT_HELP)
        where = [path in row.decisions for row in table.architectures]
        if not any(where):
            _refuse(f"{source}: decisions.{path}", "no architecture has this decision", "leave it out")
        parent = None if all(where) else _parent(table, path, where)
        if parent is None and not all(where):
            number = where.index(False) + 1
            _refuse(
                f"{source}: architecture {number}",
                f"decision {path} is missing, and no value of another decision tells where it exists",
                "give it a value, or leave it out in all architectures in which a certain other value is not picked",
            )
        found.append(Decision(path=path, values=tuple(values), parent=parent))
    depth = {decision.path: 0 for decision in found}
    for _ in found:
        depth |= {d.path: depth[d.parent.path] + 1 for d in found if d.parent is not None}
    return Variables(tuple(sorted(found, key=lambda decision: depth[decision.path])), {})


def _parent(table: _Table, path: str, where: Sequence[bool]) -> Parent | None:
    """The decision and its value with which `path` exists; the decision is there in other architectures as well."""
    for other, values in table.decisions.items():
        chosen = [row.decisions.get(other) for row in table.architectures]
        if not any(value is not None and not exists for value, exists in zip(chosen, where, strict=True)):
            continue
        for value in values:
            if [one == value for one in chosen] == where:
                return Parent(path=other, value=value)
    return None


def _require_architecture(variables: Variables, decisions: Decisions, place: str) -> None:
    seen = dict(variables.fixed)
    for decision in variables.decisions:
        if not variables.exists(decision, seen):
            continue
        if decision.path not in decisions:
            _refuse(place, f"decision {decision.path} is missing", "give every decision that exists a value")
        value = decisions[decision.path]
        if value not in decision.values:
            choices = ", ".join(map(str, decision.values))
            _refuse(place, f"{decision.path}: expected one of {choices}, got {value!r}", "correct the value")
        seen[decision.path] = value
    for path in decisions:
        if path not in seen:
            _refuse(place, f"{path} is not a decision that exists here", "leave it out, or list it under decisions")


def _refuse(place: str, problem: str, help: str) -> NoReturn:
    raise FileError(f"{place}: {problem}", help=help)
