"""Thompson sampling on tables: what it finds, what it depends on, and how it takes noise."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from tsdsl.searching.distribution.factorised import Variables
from tsdsl.searching.methods.accuracy_table import AccuracyTable, Row, TableCandidates, accuracy_table
from tsdsl.searching.methods.tabular import Lookups, search_table
from tsdsl.searching.methods.thompson import Thompson, normal_scores
from tsdsl.searching.settings import SearchSettings
from tsdsl.space.parts import Decision, Parent, Value

LAYERS = tuple(Decision(path=f"layer{n}", values=("a", "b", "c")) for n in range(6))
NESTED = Decision(path="layer0.k", values=(3, 5, 7), parent=Parent(path="layer0", value="c"))
VARIABLES = Variables((*LAYERS, NESTED), {})
BEST = {f"layer{n}": "c" for n in range(6)} | {"layer0.k": 5}


@pytest.fixture(scope="module")
def table() -> AccuracyTable:
    """1,215 architectures less every seventh: a sum over the decisions, and an interaction of two neighbours."""
    rows = []
    for chosen in product("abc", repeat=6):
        own: dict[str, Value] = {layer.path: value for layer, value in zip(LAYERS, chosen, strict=True)}
        worth = sum(0.02 * "abc".index(value) for value in chosen) + 0.03 * (chosen[2] == chosen[3])
        for k in (3, 5, 7) if chosen[0] == "c" else (None,):
            full = own if k is None else own | {"layer0.k": k}
            rows.append(Row(full, 0.5 + worth + 0.01 * (k == 5), 100 + sum(map("abc".index, chosen))))
    kept = [row for number, row in enumerate(rows) if number % 7 or row.decisions == BEST]
    return accuracy_table(kept, VARIABLES, "made up")


@pytest.mark.parametrize("target", [None, 108])
def test_the_best_of_an_incomplete_table_is_found_in_few_look_ups(table: AccuracyTable, target: int | None) -> None:
    candidates = TableCandidates(table, target)
    best = max(row.accuracy for row in candidates.rows)
    for seed in range(3):
        found = search_table(candidates, SearchSettings(method="thompson", evaluations=60, seed=seed))
        assert table.row(found.found).accuracy == best
        assert len({frozenset(e.decisions.items()) for e in found.history[5:]}) == 55


def test_what_is_proposed_follows_from_the_history_alone(table: AccuracyTable) -> None:
    candidates = TableCandidates(table)
    for batch in (1, 4):
        going, lookups = Thompson(candidates, 3, batch), Lookups(candidates, 3, 0.01, batch)
        history = []
        for number in range(45):
            history.append(lookups.evaluation(number, going.propose(history)))
        assert Thompson(candidates, 3, batch).propose(history) == going.propose(history)
        assert Thompson(candidates, 3, batch).found(history) == going.found(history)


def test_every_architecture_is_looked_up_before_one_is_again(table: AccuracyTable) -> None:
    candidates = TableCandidates(table, 101)
    assert 5 < len(candidates.rows) < 10
    found = search_table(candidates, SearchSettings(method="thompson", evaluations=25))
    assert {frozenset(e.decisions.items()) for e in found.history} == {
        frozenset(row.decisions.items()) for row in candidates.rows
    }


def test_with_the_noise_of_a_supernet_what_is_found_is_near_the_best(table: AccuracyTable) -> None:
    candidates = TableCandidates(table)
    settings = SearchSettings(method="thompson", evaluations=1200)
    found = search_table(candidates, settings, noise=0.03, batch=8)
    assert table.row(found.found).accuracy > max(row.accuracy for row in candidates.rows) - 0.03
    # The same seed sees other noise on the same architecture, and an offset that is the batch's.
    lookups = Lookups(candidates, 0, 0.03, 8)
    seen = np.array([lookups.evaluation(number, BEST).accuracy for number in range(800)]).reshape(100, 8)
    assert seen.std(axis=1).mean() == pytest.approx(0.03, rel=0.15)
    assert seen.mean(axis=1).std() == pytest.approx((0.02**2 + 0.03**2 / 8) ** 0.5, rel=0.25)


def test_scores_are_normal_quantiles_of_the_order_and_the_same_for_equals() -> None:
    scores = normal_scores(np.array([0.9, 0.1, 0.5, 0.5]))
    assert scores[2] == scores[3]
    np.testing.assert_allclose([scores[0], scores[1], scores[2]], [1.15035, -1.15035, 0.0], atol=1e-4)
