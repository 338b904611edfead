"""Every exact fact about some random small spaces equals enumeration (`benchmarks/exact_enumeration.py` takes 300)."""

from __future__ import annotations

import pytest

from support.enumeration_checks import Enumerated, checks, deviations
from support.small_spaces import random_space
from tsdsl.analysis.paths import feasible
from tsdsl.analysis.tables import constraints

MAX_ARCHITECTURES = 120


@pytest.mark.parametrize("step", [1, None])
@pytest.mark.parametrize("seed", [20, 21, 22, 23, 26, 29])
def test_every_exact_fact_equals_enumeration(seed: int, step: int | None) -> None:
    _compare(Enumerated(random_space(seed, MAX_ARCHITECTURES), step, seed))


@pytest.mark.parametrize(
    ("seed", "largest_table"), [(30, 0), (31, constraints.LARGEST_ALLOWED_TABLE), (32, 0), (33, 0)]
)
def test_every_exact_fact_under_conditions_equals_enumeration(
    seed: int, largest_table: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constraints, "LARGEST_ALLOWED_TABLE", largest_table)
    feasible.uniform.cache_clear()
    _compare(Enumerated(random_space(seed, MAX_ARCHITECTURES, has_conditions=True), None, seed))


def _compare(of: Enumerated) -> None:
    assert {name for name, is_right in checks(of) if not is_right} == set()
    for kind, deviation in deviations(of, 3000):
        assert abs(deviation) < 4, kind
