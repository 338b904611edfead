"""Passes over a trellis that differ only in what they add along a path and how they combine paths.

Own design: exact counts and the moments of a cost are one algorithm over two semirings. Extremes need no
more than `trellis.least_to_go`, and counts by cost are `histogram.layers`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsdsl.analysis.paths.trellis import Stage, Trellis
from tsdsl.operators.varying import Array


@dataclass(frozen=True, slots=True)
class Semiring:
    """The worth of the path without edges, and the worth of states after a stage from that before it."""

    start: Callable[[], Array]
    step: Callable[[Stage, Array], Array]
    result: Callable[[Array], Any]


def fold(trellis: Trellis, semiring: Semiring) -> Any:
    """The worth of all paths of a trellis together."""
    worth = semiring.start()
    for stage in trellis.stages:
        worth = semiring.step(stage, worth)
    return semiring.result(worth)


def _count(stage: Stage, worth: Array) -> Array:
    after = [0] * stage.num_targets
    before = worth.tolist()
    pairs, first = np.unique(stage.source * stage.num_targets + stage.target, return_inverse=True)
    # Weights of one pair of states are added as machine integers, counts as Python's.
    weights = np.zeros(pairs.size, dtype=np.int64)
    np.add.at(weights, first, stage.weight)
    for pair, weight in zip(pairs.tolist(), weights.tolist(), strict=True):
        source, target = divmod(pair, stage.num_targets)
        after[target] += before[source] * weight
    return np.array(after, dtype=object)


def _moments(stage: Stage, worth: Array) -> Array:
    mass, first, second = worth[:, stage.source] * stage.weight
    terms = (mass, first + stage.cost * mass, second + stage.cost * (2 * first + stage.cost * mass))
    return np.stack([np.bincount(stage.target, term, stage.num_targets) for term in terms])


def _mean_and_variance(worth: Array) -> tuple[float, float]:
    mass, first, second = worth[:, 0].tolist()
    mean = first / mass
    return mean, max(0.0, second / mass - mean * mean)


COUNT = Semiring(lambda: np.array([1], dtype=object), _count, lambda worth: int(worth[0]))
"""The number of paths, each counted as often as the product of its weights."""
MOMENTS = Semiring(lambda: np.array([[1.0], [0.0], [0.0]]), _moments, _mean_and_variance)
"""(mean, variance) of the cost above the constant, paths weighted by the product of their weights."""
