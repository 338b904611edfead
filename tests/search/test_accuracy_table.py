"""Tables of accuracies: reading, what is refused, and searches of one."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch

from support.enumeration import every_architecture
from tsdsl.errors import FileError, UsageError
from tsdsl.search.distribution.factorised import Distribution, Variables, step_variables
from tsdsl.search.methods.accuracy_table import AccuracyTable, Row, TableCandidates, accuracy_table, read_table
from tsdsl.search.methods.baselines import best_seen
from tsdsl.search.methods.tabular import Within, search_table
from tsdsl.search.settings import SearchSettings
from tsdsl.space.model import Space
from tsdsl.space.parts import Decision

LAYERS = tuple(Decision(path=f"layer{n}", values=("a", "b", "c")) for n in range(4))
WORTH = {"a": 0.0, "b": 0.04, "c": 0.09}


@pytest.fixture(scope="module")
def table() -> AccuracyTable:
    """81 architectures; the accuracy of each is a sum over its layers."""
    rows = []
    for chosen in product("abc", repeat=4):
        decisions = {layer.path: value for layer, value in zip(LAYERS, chosen, strict=True)}
        rows.append(Row(decisions, 0.5 + sum(WORTH[v] for v in chosen), 100 * sum("abc".index(v) for v in chosen)))
    return accuracy_table(rows, Variables(LAYERS, {}), "made up")


def written(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "table.json"
    path.write_text(json.dumps(rows))
    return path


def test_json_and_csv_give_the_same_table_of_a_space_with_nested_decisions(tiny: Space, tmp_path: Path) -> None:
    variables = step_variables(tiny, 3, {})
    architectures = every_architecture(variables)
    paths = [decision.path for decision in variables.decisions]
    own = [{p: v for p, v in a.items() if p in paths} for a in architectures]
    rows = [{"decisions": a, "accuracy": 0.1 * n, "flops": n} for n, a in enumerate(own)]
    lines = [",".join([*paths, "accuracy", "flops"])]
    lines += [",".join([*(str(a.get(p, "")) for p in paths), str(0.1 * n), str(n)]) for n, a in enumerate(own)]
    (tmp_path / "table.csv").write_text("\n".join(lines) + "\n")
    from_json = read_table(written(tmp_path, rows), variables)
    from_csv = read_table(tmp_path / "table.csv", variables)
    assert dict(from_json.rows) == dict(from_csv.rows)
    assert len(from_json.rows) == 3
    # Rows are whole architectures: what stands is filled in.
    assert {frozenset(row.decisions.items()) for row in from_csv.rows.values()} == {
        frozenset(a.items()) for a in architectures
    }


def test_without_a_space_the_decisions_are_what_occurs(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("x,y,accuracy\nsmall,3,0.5\nlarge,5,0.25\n")
    table = read_table(tmp_path / "table.csv")
    assert [(d.path, d.values) for d in table.variables.decisions] == [("x", ("small", "large")), ("y", ("3", "5"))]
    assert table.accuracy({"x": "large", "y": "5"}) == 0.25
    assert not table.has_macs


GOOD = {"decisions": {"layer0": "a", "layer1": "a", "layer2": "a", "layer3": "a"}, "accuracy": 0.5}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: row["decisions"].pop("layer2"), "row 2: decision layer2 is missing"),
        (lambda row: row["decisions"].update(layer1="d"), r"row 2: layer1 = 'd' is not one of its choices \(a, b, c\)"),
        (lambda row: row["decisions"].update(layer9="a"), "row 2: layer9 is no decision"),
        (lambda row: row.update(accuracy=93.1), "row 2: accuracy = 93.1 is not from 0 to 1"),
        (lambda row: row.update(accuracy=None), "row 2: accuracy = None is no number"),
        (lambda row: row.update(flops=-3), "row 2: flops = -3 is no count"),
        (lambda row: row["decisions"].update(layer0="a"), "row 2: is the same architecture"),
    ],
)
def test_a_row_that_is_no_architecture_is_refused_by_its_number(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    second = {"decisions": {**GOOD["decisions"], "layer0": "b"}, "accuracy": 0.5}  # type: ignore[dict-item]
    change(second)
    with pytest.raises(FileError, match=message):
        read_table(written(tmp_path, [GOOD, second]), Variables(LAYERS, {}))


@pytest.mark.parametrize("text", ["{", "{}", "[]", "[1]", '[{"accuracy": 0.5}]'])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "table.json").write_text(text)
    with pytest.raises(FileError):
        read_table(tmp_path / "table.json", Variables(LAYERS, {}))


def test_a_ragged_csv_line_is_refused_by_its_number(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("x,accuracy\na,0.5\nb\n")
    with pytest.raises(FileError, match=r"table\.csv:3"):
        read_table(tmp_path / "table.csv")


def test_an_architecture_that_the_table_lacks_is_named() -> None:
    decisions = {layer.path: "a" for layer in LAYERS}
    table = accuracy_table([Row(decisions, 0.5)], Variables(LAYERS, {}), "made up")
    with pytest.raises(UsageError, match="layer3=c"):
        table.accuracy({**decisions, "layer3": "c"})


def test_a_target_needs_flops() -> None:
    table = accuracy_table([Row({layer.path: "a" for layer in LAYERS}, 0.5)], Variables(LAYERS, {}), "made up")
    with pytest.raises(UsageError, match="has no flops"):
        TableCandidates(table, 10)


@pytest.mark.parametrize("method", ["random", "evolution"])
def test_a_baseline_looks_up_as_many_as_asked_all_within_the_target(table: AccuracyTable, method: Any) -> None:
    candidates = TableCandidates(table, 500)
    found = search_table(candidates, SearchSettings(method=method, evaluations=40, population=8, tournament=3))
    assert len(found.history) == 40
    assert all((evaluation.macs or 0) <= 500 for evaluation in found.history)
    assert table.accuracy(found.found) == best_seen(found.history).accuracy


def test_parsec_learns_the_best_architecture_of_a_separable_table(table: AccuracyTable) -> None:
    settings = SearchSettings(evaluations=800, alpha_lr=0.2, accuracy_temperature=0.5)
    found = search_table(TableCandidates(table), settings)
    assert found.found == {layer.path: "c" for layer in LAYERS}
    assert found.distribution.entropy() < 0.5 * 4 * 1.0986


def test_parsec_ends_before_it_would_look_up_too_many(table: AccuracyTable) -> None:
    found = search_table(TableCandidates(table), SearchSettings(evaluations=30, samples=8))
    assert len(found.history) == 24


def test_single_path_is_refused_on_a_table(table: AccuracyTable) -> None:
    with pytest.raises(UsageError, match="a table has none"):
        search_table(TableCandidates(table), SearchSettings(method="single_path"))


def test_with_condition_every_look_up_is_within_the_target_and_the_gradient_is_that_of_enumeration(
    table: AccuracyTable,
) -> None:
    candidates = TableCandidates(table, 300)
    settings = SearchSettings(budget="condition", evaluations=40, centred=True)
    found = search_table(candidates, settings)
    assert all((evaluation.macs or 0) <= 300 for evaluation in found.history)
    logits = torch.randn(12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    distribution = Distribution(table.variables, logits.clone().requires_grad_())
    within = Within(candidates, distribution)
    samples = within.sample(3, torch.Generator().manual_seed(1))
    coefficients = torch.tensor([0.5, -0.2, 0.4], dtype=torch.float64)
    logs = torch.log_softmax(distribution.logits.view(4, 3), 1)
    by_row = [sum(logs[n, "abc".index(str(row.decisions[f"layer{n}"]))] for n in range(4)) for row in candidates.rows]
    conditioned = torch.log_softmax(torch.stack([torch.as_tensor(one) for one in by_row]), 0)
    order = [dict(row.decisions) for row in candidates.rows]
    total = sum(c * conditioned[order.index(s)] for c, s in zip(coefficients, samples, strict=True))
    (expected,) = torch.autograd.grad(torch.as_tensor(total), distribution.logits)
    torch.testing.assert_close(within.score_gradient(samples, coefficients), expected)


def test_what_parsec_finds_is_within_the_target_where_alphas_arg_max_is_not(table: AccuracyTable) -> None:
    settings = SearchSettings(evaluations=400, alpha_lr=0.3, accuracy_temperature=0.3, hinge=0.0)
    found = search_table(TableCandidates(table, 500), settings)
    assert (table.row(found.distribution.most_probable()).macs or 0) > 500
    assert (table.row(found.found).macs or 0) <= 500
