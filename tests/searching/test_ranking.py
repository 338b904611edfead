"""Rank agreement: jobs that are shared out and go on, taus against a slow reference, and scores without training."""

from __future__ import annotations

import math
import shutil
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch

from tsdsl.engine.recipe import TrainOptions
from tsdsl.engine.runs.progress import Progress
from tsdsl.engine.training_free import training_free_scores
from tsdsl.errors import RunError, UsageError
from tsdsl.files import exclusive
from tsdsl.network.layout import Blueprint
from tsdsl.report.run import run_page
from tsdsl.searching.progressive import search
from tsdsl.searching.ranking import (
    PREDICTORS,
    Ranked,
    RankScores,
    agreements,
    kendall_tau,
    rank_architectures,
    read_ranking,
)
from tsdsl.searching.settings import DataSettings, SearchSettings
from tsdsl.space.model import Space

SETTINGS = SearchSettings(method="parsec", samples=2, batch_size=8, epochs=1, recalibration_batches=1)
RECIPE = TrainOptions(epochs=1, batch_size=16, precise_norm_batches=1)


def rank(run: Path, space: Space, count: int, recipe: TrainOptions = RECIPE) -> list[Ranked]:
    progress = Progress(quiet=True)
    rank_architectures(run, space, 1, count, recipe, device=torch.device("cpu"), progress=progress)
    return read_ranking(run)


@pytest.fixture(scope="module")
def run(tiny: Space, clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rank") / "run"
    search(tiny, step=1, data=clips, run=folder, settings=SETTINGS, data_settings=DataSettings(), device="cpu")
    rank(folder, tiny, 3)
    return folder


def test_each_architecture_has_all_scores_and_an_accuracy(run: Path, tiny: Space) -> None:
    ranked = read_ranking(run)
    target = tiny.step(1).target_macs or 0
    assert [one.name for one in ranked][:3] == ["0001", "0002", "0003"]
    assert len({frozenset(one.scores.decisions.items()) for one in ranked}) == len(ranked)
    for one in ranked:
        assert set(one.scores.predictors) == set(PREDICTORS)
        assert one.scores.predictors["multiply-adds"] <= target
        assert all(math.isfinite(value) for value in one.scores.predictors.values())
        assert 0 <= one.accuracy <= 1
    assert "How far the shared weights can be trusted" in run_page(run)


def test_the_same_command_leaves_what_is_done_and_what_another_process_is_at(run: Path, tiny: Space) -> None:
    files = [run / "rank" / name for name in ("0001/scores.json", "0001/train/result.json")]
    before = [file.stat().st_mtime_ns for file in files]
    with exclusive(run / "rank" / "0004", "training this architecture"):
        assert [one.name for one in rank(run, tiny, 4)] == ["0001", "0002", "0003"]
    assert [one.name for one in rank(run, tiny, 4)] == ["0001", "0002", "0003", "0004"]
    assert [file.stat().st_mtime_ns for file in files] == before


def test_another_recipe_and_too_many_architectures_are_refused(run: Path, tiny: Space, tmp_path: Path) -> None:
    run = shutil.copytree(run, tmp_path / "run")
    with pytest.raises(UsageError, match="epochs"):
        rank(run, tiny, 3, RECIPE.model_copy(update={"epochs": 2}))
    with pytest.raises(RunError, match="seem to be only"):
        rank(run, tiny, 100)


def test_taus_are_those_of_all_pairs() -> None:
    draw = np.random.default_rng(0)
    one, other = draw.integers(0, 5, 20).astype(float), draw.normal(size=20)
    signs = [(np.sign(one[i] - one[j]), np.sign(other[i] - other[j])) for i, j in combinations(range(20), 2)]
    untied = [sum(pair[side] != 0 for pair in signs) for side in (0, 1)]
    assert kendall_tau(one, other) == pytest.approx(sum(a * b for a, b in signs) / math.sqrt(untied[0] * untied[1]))
    assert kendall_tau(one, np.zeros(20)) == 0


def test_a_perfect_predictor_has_tau_one_and_a_useless_one_an_interval_around_zero() -> None:
    draw = np.random.default_rng(1)
    accuracies = np.sort(draw.random(30))
    predictors = [
        dict.fromkeys(PREDICTORS, float(noise)) | {"zen": 2 * a}
        for a, noise in zip(accuracies, draw.random(30), strict=True)
    ]
    ranked = [
        Ranked(str(number), RankScores(decisions={}, predictors=own), float(accuracy))
        for number, (own, accuracy) in enumerate(zip(predictors, accuracies, strict=True))
    ]
    found = agreements(ranked)
    assert found["zen"].tau == 1
    assert found["naswot"].low < 0 < found["naswot"].high
    assert found["naswot"].low < found["naswot"].tau < found["naswot"].high


def test_scores_without_training_depend_on_the_network_and_its_seed(tiny: Space) -> None:
    blueprint = Blueprint(tiny)
    small, large = (blueprint.network({d.path: d.values[at] for d in tiny.decisions}, 1) for at in (0, -1))
    clips = torch.randn(6, 3, small.frames, 16, 16, generator=torch.Generator().manual_seed(0))
    scores = training_free_scores(large, clips, 0)
    assert scores == training_free_scores(large, clips, 0)
    assert scores != training_free_scores(large, clips, 1)
    assert scores["synflow"] > training_free_scores(small, clips, 0)["synflow"]
    assert scores["naswot"] > training_free_scores(small, clips, 0)["naswot"]


def test_naswot_cannot_tell_equal_clips_apart(tiny: Space) -> None:
    network = Blueprint(tiny).network({d.path: d.values[0] for d in tiny.decisions}, 1)
    clip = torch.randn(1, 3, network.frames, 16, 16, generator=torch.Generator().manual_seed(0))
    other = torch.randn(1, 3, network.frames, 16, 16, generator=torch.Generator().manual_seed(1))
    assert training_free_scores(network, torch.cat([clip, clip, other]), 0)["naswot"] < -20
