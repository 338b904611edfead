"""Every exact fact about some random small spaces equals enumeration (`benchmarks/exact_enumeration.py` takes 300)."""

from __future__ import annotations

import pytest

from support.enumeration_checks import Enumerated, checks, deviations
from support.small_spaces import random_space

MAX_ARCHITECTURES = 120
MAX_OF_RICH = 600


@pytest.mark.parametrize("step", [1, None])
@pytest.mark.parametrize("seed", [20, 21, 22, 23, 26, 29])
def test_every_exact_fact_equals_enumeration(seed: int, step: int | None) -> None:
    _compare(Enumerated(random_space(seed, MAX_ARCHITECTURES), step, seed))


@pytest.mark.parametrize("seed", [33, 34, 38])
def test_every_exact_fact_of_a_rich_space_equals_enumeration(seed: int) -> None:
    _compare(Enumerated(random_space(seed, MAX_OF_RICH, is_rich=True), None, seed))


def _compare(of: Enumerated) -> None:
    assert {name for name, is_right in checks(of) if not is_right} == set()
    for kind, deviation in deviations(of, 3000):
        assert abs(deviation) < 4, kind
