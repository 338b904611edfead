"""The best architecture at every budget equals enumeration, and a sweep that is cut off is within the gap it gives."""

from __future__ import annotations

import numpy as np
import pytest

from support.enumeration_checks import Enumerated, best_within, is_front, random_scores
from support.small_spaces import random_space
from tsdsl.analysis.questions.front import front

MAX_ARCHITECTURES = 120
SEEDS = [20, 21, 22, 23, 26, 29]


@pytest.mark.parametrize("seed", SEEDS)
def test_fronts_of_random_scores_equal_enumeration(seed: int) -> None:
    of = Enumerated(random_space(seed, MAX_ARCHITECTURES), None, seed)
    assert [number for number in range(17) if not is_front(of, random_scores(of.free, number))] == []


@pytest.mark.parametrize("seed", SEEDS)
def test_a_front_that_is_cut_off_is_within_its_gap(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsdsl.analysis.questions.front.LABELS_A_STATE", (1, 2))
    of = Enumerated(random_space(seed, MAX_ARCHITECTURES), None, seed)
    for number in range(8):
        scores = random_scores(of.free, number)
        macs, best = best_within(of, scores)
        found = front(of.free, scores, most_labels=1)
        reached = np.searchsorted(found.macs, macs, side="right") - 1
        assert np.all(best[reached >= 0] <= found.scores[reached[reached >= 0]] + found.gap + 1e-9)
        assert [
            of.free.table.macs(found.architecture(point)) for point in range(len(found.macs))
        ] == found.macs.tolist()
