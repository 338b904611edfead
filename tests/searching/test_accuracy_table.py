"""Tables of accuracies: reading, what is refused, and searches of one."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch

import tsdsl
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.errors import FileError, UsageError
from tsdsl.network.layout import Blueprint
from tsdsl.searching.distribution.factorised import Distribution, Variables
from tsdsl.searching.methods.accuracy_table import AccuracyTable, Row, TableCandidates, accuracy_table, read_table
from tsdsl.searching.methods.baselines import best_seen
from tsdsl.searching.methods.tabular import Within, search_table
from tsdsl.searching.settings import SearchSettings
from tsdsl.space.parts import Decision, Parent

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


GOOD = {layer.path: "a" for layer in LAYERS}
DECISIONS = {layer.path: list(layer.values) for layer in LAYERS}


def written(folder: Path, architectures: Any, **changes: Any) -> Path:
    path = folder / "table.json"
    path.write_text(json.dumps({"name": "mine", "decisions": DECISIONS, "architectures": architectures} | changes))
    return path


def row(values: str, accuracy: float = 0.5, **others: Any) -> dict[str, Any]:
    return {"decisions": dict(zip(DECISIONS, values, strict=True)), "accuracy": accuracy, **others}


def test_a_table_is_read_with_what_a_search_sees_and_what_is_reported(tmp_path: Path) -> None:
    path = written(
        tmp_path, [row("aaaa", 91.5, test_accuracy=90.5, flops=10), row("abca", 92, test_accuracy=91, flops=12.5)]
    )
    table = read_table(path)
    found = table.row({"layer0": "a", "layer1": "b", "layer2": "c", "layer3": "a"})
    assert (found.accuracy, found.reported, found.macs) == (0.92, 0.91, 12.5)
    assert table.source == "mine"
    # Without test_accuracy, what a search sees is reported.
    assert next(iter(read_table(written(tmp_path, [row("aaaa", 0.25)])).rows.values())).reported == 0.25


def test_a_decision_that_is_left_out_is_nested_under_the_value_that_tells_where_it_exists(tmp_path: Path) -> None:
    decisions = {"k": [3, 5], "on": [False, True], "x": ["a"]}
    rows = [
        {"decisions": {"on": False, "x": "a"}, "accuracy": 0.1},
        {"decisions": {"on": True, "x": "a", "k": 3}, "accuracy": 0.2},
        {"decisions": {"on": True, "x": "a", "k": 5}, "accuracy": 0.3},
    ]
    table = read_table(written(tmp_path, rows, decisions=decisions))
    assert [d.path for d in table.variables.decisions] == ["on", "x", "k"]
    assert table.variables.decisions[2].parent == Parent(path="on", value=True)
    rows[2]["decisions"].pop("k")  # type: ignore[attr-defined]
    with pytest.raises(FileError, match="architecture 1: decision k is missing"):
        read_table(written(tmp_path, rows, decisions=decisions))


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (row("aada"), r"architecture 2: layer2: expected one of a, b, c, got 'd'"),
        (row("aaaa"), "architecture 2: is the same as an earlier one"),
        (row("baaa", 101), "architecture 2: expected an accuracy"),
        (row("baaa", -1), "architecture 2: expected an accuracy"),
        (row("baaa") | {"acuracy": 1}, r"architectures\.1\.acuracy: Extra inputs are not permitted"),
        (row("baaa") | {"accuracy": "0.5"}, r"architectures\.1\.accuracy: .*valid number"),
        (row("baaa") | {"decisions": {}}, "architecture 2: decision layer0 is missing"),
        (row("baaa") | {"flops": -3}, r"architectures\.1\.flops: .*greater than or equal to 0"),
        (row("baaa") | {"flops": 3}, "architecture 1: has no flops, and others have"),
        (
            {"decisions": row("baaa")["decisions"] | {"more": 1}, "accuracy": 0.5},
            "architecture 2: more is not a decision",
        ),
    ],
)
def test_a_row_that_does_not_fit_is_refused_by_its_number(tmp_path: Path, second: dict[str, Any], message: str) -> None:
    with pytest.raises(FileError, match=message):
        read_table(written(tmp_path, [row("aaaa"), second]))


@pytest.mark.parametrize("text", ["{", "{}", "[]", '{"name": "x", "decisions": {}, "architectures": []}'])
def test_a_file_that_is_not_a_table_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "table.json").write_text(text)
    with pytest.raises(FileError):
        read_table(tmp_path / "table.json")


def test_an_architecture_that_the_table_lacks_is_named() -> None:
    decisions = {layer.path: "a" for layer in LAYERS}
    table = accuracy_table([Row(decisions, 0.5)], Variables(LAYERS, {}), "made up")
    with pytest.raises(UsageError, match="layer3=c"):
        table.row({**decisions, "layer3": "c"})


def test_a_target_needs_flops() -> None:
    table = accuracy_table([Row({layer.path: "a" for layer in LAYERS}, 0.5)], Variables(LAYERS, {}), "made up")
    with pytest.raises(UsageError, match="has no flops"):
        TableCandidates(table, 10)


@pytest.mark.parametrize("method", ["random", "evolution", "thompson"])
def test_as_many_as_asked_are_looked_up_all_within_the_target(table: AccuracyTable, method: Any) -> None:
    candidates = TableCandidates(table, 500)
    found = search_table(candidates, SearchSettings(method=method, evaluations=40, population=8, tournament=3))
    assert len(found.history) == 40
    assert all((evaluation.macs or 0) <= 500 for evaluation in found.history)
    assert table.row(found.found).accuracy == best_seen(found.history).accuracy


def test_nothing_within_the_target_is_refused_with_the_least(table: AccuracyTable) -> None:
    with pytest.raises(UsageError, match="at most 10 FLOPs"):
        TableCandidates(accuracy_table([Row(GOOD, 0.5, 20)], Variables(LAYERS, {}), "made up"), 10)


def test_parsec_learns_the_best_architecture_of_a_separable_table(table: AccuracyTable) -> None:
    settings = SearchSettings(method="parsec", evaluations=800, alpha_lr=0.2, accuracy_temperature=0.5)
    found = search_table(TableCandidates(table), settings)
    assert found.found == {layer.path: "c" for layer in LAYERS}


def test_parsec_ends_before_it_would_look_up_too_many(table: AccuracyTable) -> None:
    found = search_table(TableCandidates(table), SearchSettings(method="parsec", evaluations=30, samples=8))
    assert len(found.history) == 24


def test_single_path_is_refused_on_a_table(table: AccuracyTable) -> None:
    with pytest.raises(UsageError, match="a table has none"):
        search_table(TableCandidates(table), SearchSettings(method="single_path"))


def test_with_condition_every_look_up_is_within_the_target_and_the_gradient_is_that_of_enumeration(
    table: AccuracyTable,
) -> None:
    candidates = TableCandidates(table, 300)
    settings = SearchSettings(method="parsec", budget="condition", evaluations=40, centred=True)
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


def test_what_parsec_finds_is_within_the_target_though_it_looks_up_what_is_not(table: AccuracyTable) -> None:
    settings = SearchSettings(method="parsec", evaluations=400, alpha_lr=0.3, accuracy_temperature=0.3, hinge=0.0)
    found = search_table(TableCandidates(table, 500), settings)
    assert (found.history[-1].macs or 0) > 500
    assert (table.row(found.found).macs or 0) <= 500


def test_the_table_of_our_own_is_of_its_space() -> None:
    benchmarks = Path(__file__).parents[1] / "benchmarks"
    content = json.loads((benchmarks / "results" / "own_table.json").read_text())
    space = tsdsl.load(benchmarks / "own_table.tsspace")
    costs = CostTable(Blueprint(space))
    assert content["decisions"] == {decision.path: list(decision.values) for decision in space.decisions}
    assert len(read_table(benchmarks / "results" / "own_table.json").rows) == len(content["architectures"])
    for own in content["architectures"]:
        seeds = own["about"]["seeds"]
        assert own["flops"] == costs.macs(own["decisions"])
        assert own["about"]["params"] == costs.params(own["decisions"])
        assert own["accuracy"] == pytest.approx(sum(accuracy for accuracy, _ in seeds) / 2)
        assert own["test_accuracy"] == pytest.approx(sum(accuracy for _, accuracy in seeds) / 2)
