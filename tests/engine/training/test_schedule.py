"""The learning rate over a run."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tsdsl.engine.training.schedule import learning_rate


@pytest.mark.parametrize(("progress", "expected"), [(0.0, 0.4), (0.25, 0.34142135), (0.5, 0.2), (1.0, 0.0), (2.0, 0.0)])
def test_half_cosine_values(progress: float, expected: float) -> None:
    assert learning_rate(0.4, progress) == pytest.approx(expected)


def test_warm_up_is_linear_up_to_where_the_cosine_takes_over() -> None:
    rates = [learning_rate(1.0, progress, 0.2, 0.1) for progress in (0.0, 0.1, 0.2, 0.5)]
    joint = learning_rate(1.0, 0.2)
    assert rates == pytest.approx([0.1, (0.1 + joint) / 2, joint, 0.5])


def test_the_rate_rises_during_warm_up_and_falls_after() -> None:
    rates = [learning_rate(1.0, step / 100, 0.1) for step in range(101)]
    assert all(before < after for before, after in pairwise(rates[:11]))
    assert all(before > after for before, after in pairwise(rates[10:]))
