"""A table of architecture -> accuracy: search methods compared in seconds, without weights or clips.

JSON: a list of `{"decisions": {PATH: VALUE, ...}, "accuracy": 0.93, "flops": 65012224}`.
CSV: one column for each decision, named by its path and empty where the decision does not exist, and the columns
`accuracy` and `flops`. In both, `accuracy` is from 0 to 1 and `flops` (multiply-adds) may be left out everywhere.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import numpy as np

from tsdsl.errors import FileError, UsageError
from tsdsl.search.distribution.factorised import Decisions, Variables
from tsdsl.space.parts import Decision, Value

Key: TypeAlias = tuple[Value | None, ...]
RESERVED = ("accuracy", "flops")
FORMAT_HELP = (
    'write a list of {"decisions": {PATH: VALUE}, "accuracy": 0.93, "flops": 65012224}, or a CSV file with a column '
    "for each decision, accuracy and flops"
)


@dataclass(frozen=True)
class Row:
    """One measured architecture; `accuracy` is in 0..1."""

    decisions: Decisions
    accuracy: float
    macs: int | None = None


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
                help="add its row, or search with a method that only draws what the table has: random or evolution",
            )
        return found

    def accuracy(self, decisions: Decisions) -> float:
        """The accuracy of an architecture, in 0..1; raises as `row` does."""
        return self.row(decisions).accuracy

    @property
    def has_macs(self) -> bool:
        """Whether the table has the multiply-adds of its architectures."""
        return all(row.macs is not None for row in self.rows.values())


@dataclass(frozen=True, eq=False)
class TableCandidates:
    """The architectures of a table with at most `target_macs`; all of them where that is None."""

    table: AccuracyTable
    target_macs: int | None = None

    def __post_init__(self) -> None:
        if self.target_macs is not None and not self.table.has_macs:
            raise UsageError(
                f"{self.table.source}: has no flops, so nothing tells what is within {self.target_macs:,}",
                help="add a flops column, or search without a target",
            )

    @property
    def variables(self) -> Variables:
        """The decisions of the table."""
        return self.table.variables

    def macs(self, architecture: Decisions) -> int | None:
        """The multiply-adds that the table has."""
        return self.table.row(architecture).macs

    def is_within(self, architecture: Decisions) -> bool:
        """Whether the table has the architecture, within the target."""
        return key(self.variables, architecture) in self._within

    @cached_property
    def _within(self) -> Mapping[Key, Row]:
        if self.target_macs is None:
            return self.table.rows
        return {k: row for k, row in self.table.rows.items() if (row.macs or 0) <= self.target_macs}

    @property
    def rows(self) -> Sequence[Row]:
        """All of them, in the order of the table."""
        return list(self._within.values())

    def draws(self, seed: int) -> Iterator[dict[str, Value]]:
        """Uniform rows within the target.

        Raises:
            UsageError: there is none.
        """
        rows = self.rows
        if not rows:
            raise UsageError(
                f"{self.table.source}: no architecture has at most {self.target_macs:,} FLOPs", help="raise the target"
            )
        generator = np.random.default_rng(seed)
        while True:
            yield dict(rows[int(generator.integers(len(rows)))].decisions)


def key(variables: Variables, decisions: Decisions) -> Key:
    """What tells an architecture from others: the values of the variables in order, None where one does not exist."""
    return tuple(decisions.get(decision.path) for decision in variables.decisions)


def accuracy_table(rows: Iterable[Row], variables: Variables, source: str) -> AccuracyTable:
    """The table of these rows, each checked to be an architecture of the variables.

    Raises:
        FileError: a row is no architecture, comes twice, or has an accuracy outside 0..1.
    """
    found: dict[Key, Row] = {}
    for number, row in enumerate(rows, start=1):
        _require_architecture(variables, row.decisions, f"{source}: row {number}")
        own = key(variables, row.decisions)
        if own in found:
            _refuse(f"{source}: row {number}", "is the same architecture as an earlier row", "keep one of the two")
        if not 0 <= row.accuracy <= 1:
            _refuse(f"{source}: row {number}", f"accuracy = {row.accuracy} is not from 0 to 1", "divide percent by 100")
        found[own] = Row(dict(variables.fixed) | dict(row.decisions), row.accuracy, row.macs)
    if not found:
        _refuse(source, "has no rows", FORMAT_HELP)
    return AccuracyTable(variables, found, source)


def read_table(path: Path, variables: Variables | None = None) -> AccuracyTable:
    """The table in a `.json` or `.csv` file, checked against the variables.

    Without variables every name is a decision that always exists, its values those that occur, in the order in
    which they do.

    Raises:
        FileError: the file cannot be read, or is no such table; the message names the row.
    """
    records = list(_csv_records(path) if path.suffix.lower() == ".csv" else _json_records(path))
    if variables is None:
        variables = _occurring(records, str(path))
    by_text = {d.path: {str(value): value for value in d.values} for d in variables.decisions}
    rows = []
    for place, raw, accuracy, macs in records:
        # In CSV all is text; a value is then meant by how it is written.
        decisions = {p: by_text.get(p, {}).get(v, v) if isinstance(v, str) else v for p, v in raw.items()}
        rows.append(Row(decisions, _number(place, "accuracy", accuracy), _macs(place, macs)))
    return accuracy_table(rows, variables, str(path))


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
            _refuse(place, f"{decision.path} = {value!r} is not one of its choices ({choices})", "mend the row")
        seen[decision.path] = value
    for path, value in decisions.items():
        if path not in seen:
            _refuse(place, f"{path} is no decision that exists here", "leave it out, or empty in CSV")
        elif path in variables.fixed and value != variables.fixed[path]:
            _refuse(place, f"{path} = {value!r}, and it stands at {variables.fixed[path]!r}", "mend the row")


Record: TypeAlias = tuple[str, dict[str, Value], Any, Any]


def _json_records(path: Path) -> Iterator[Record]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror})", help="give the path of a table") from error
    except ValueError as error:
        raise FileError(f"{path}: is not JSON", help=FORMAT_HELP) from error
    if not isinstance(content, list):
        _refuse(str(path), "is not a list of rows", FORMAT_HELP)
    for number, item in enumerate(content, start=1):
        place = f"{path}: row {number}"
        if not isinstance(item, dict) or not isinstance(item.get("decisions"), dict):
            _refuse(place, "is not an object with decisions", FORMAT_HELP)
        yield place, item["decisions"], item.get("accuracy"), item.get("flops")


def _csv_records(path: Path) -> Iterator[Record]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            for line in reader:
                place = f"{path}:{reader.line_num}"
                if None in line or None in line.values():
                    _refuse(place, "has not as many cells as the header", FORMAT_HELP)
                decisions: dict[str, Value] = {p: v for p, v in line.items() if p not in RESERVED and v != ""}
                yield place, decisions, line.get("accuracy"), line.get("flops") or None
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror})", help="give the path of a table") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise FileError(f"{path}: is not a CSV file ({error})", help=FORMAT_HELP) from error


def _occurring(records: Sequence[Record], source: str) -> Variables:
    values: dict[str, dict[Value, None]] = {}
    for _, decisions, _, _ in records:
        for path, value in decisions.items():
            if not isinstance(value, bool | int | float | str):
                _refuse(source, f"{path} = {value!r} is no value", "give a number, a text, true or false")
            values.setdefault(path, {})[value] = None
    return Variables(tuple(Decision(path=path, values=tuple(seen)) for path, seen in values.items()), {})


def _number(place: str, name: str, given: Any) -> float:
    try:
        if given is None or isinstance(given, bool):
            raise ValueError
        return float(given)
    except (TypeError, ValueError):
        _refuse(place, f"{name} = {given!r} is no number", FORMAT_HELP)


def _macs(place: str, given: Any) -> int | None:
    if given is None:
        return None
    macs = _number(place, "flops", given)
    if macs != int(macs) or macs < 0:
        _refuse(place, f"flops = {given!r} is no count", "give multiply-adds as a whole number")
    return int(macs)


def _refuse(place: str, problem: str, help: str) -> NoReturn:
    raise FileError(f"{place}: {problem}", help=help)
