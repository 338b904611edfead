"""Thompson sampling with shared weights: exact draws, what is recorded, resuming, several ranks, and certainty."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from support.enumeration import every_architecture
from support.learners import ORDER, learner, ramps
from support.processes import launch
from support.search_spaces import load_text
from tsdsl.engine.ranks.ranks import Ranks
from tsdsl.lowering.weights import read_tensors
from tsdsl.network.layout import Blueprint
from tsdsl.searching import Cadence, DataSettings, SearchSettings, progressive, read_alpha, search
from tsdsl.searching.budget.candidates import WithinTarget, drawn
from tsdsl.searching.budget.flops import step_flops
from tsdsl.searching.budget.within_target import Found
from tsdsl.searching.distribution.factorised import step_variables
from tsdsl.searching.distribution.linear_model import totals
from tsdsl.searching.learning.learner import StepLearner
from tsdsl.searching.learning.posterior import StepPosterior
from tsdsl.searching.record.outcome import certainty
from tsdsl.space.architecture import read_architecture
from tsdsl.space.model import Space

SETTINGS = SearchSettings(
    method="thompson",
    samples=6,
    scoring_fraction=0.5,
    batch_size=4,
    epochs=2,
    recalibration_batches=2,
    weight_lr=1.0,
    score="likelihood",
)
OFTEN = Cadence(checkpoint_iterations=1, log_iterations=1)


def candidates_of(space: Space, step: int | None, share: float) -> WithinTarget:
    found = {d.path: d.values[-1] for d in space.decisions if d.parent is None}
    flops = step_flops(Blueprint(space), step, step_variables(space, step, {} if step is None else found))
    macs = sorted(map(flops.macs, every_architecture(flops.variables)))
    return WithinTarget(flops, macs[int(share * (len(macs) - 1))])


@pytest.mark.parametrize("step", [1, 3, None])
@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_the_best_of_weights_within_the_target_is_that_of_enumeration(
    tiny: Space, step: int | None, share: float
) -> None:
    candidates = candidates_of(tiny, step, share)
    within = [a for a in every_architecture(candidates.variables) if candidates.is_within(a)]
    active = candidates.terms.active(within)
    for seed in range(5):
        weights = np.random.default_rng(seed).normal(size=candidates.terms.num_weights)
        scores = totals(weights[None], active)[0] - weights[-1]
        best = candidates.best(weights, node_limit=100_000)
        assert best.decisions in within
        assert best.score == pytest.approx(scores.max(), abs=1e-6)
        assert best.score == pytest.approx(scores[within.index(best.decisions)], abs=1e-9)
        assert best.road in ("argmax", "exact")


def observed(candidates: WithinTarget, batches: int) -> StepPosterior:
    """A posterior of noisy scores that grow with the multiply-adds."""
    posterior, random = StepPosterior(candidates), np.random.default_rng(0)
    for batch in range(batches):
        samples = drawn(candidates, 8, batch)
        posterior.observe(samples, [candidates.macs(s) / 1e5 + 0.05 * random.normal() + batch for s in samples])
    return posterior


def test_more_batches_make_it_surer_of_a_better_architecture(tiny: Space) -> None:
    candidates = candidates_of(tiny, None, 0.7)
    best = max(map(candidates.macs, [a for a in every_architecture(candidates.variables) if candidates.is_within(a)]))
    few, many = (observed(candidates, batches) for batches in (5, 200))
    certain = []
    for posterior in (few, many):
        found = posterior.found().decisions
        certain.append(posterior.certainty(found, 64, torch.Generator().manual_seed(0)))
    assert candidates.macs(many.found().decisions) > 0.9 * best
    assert 0 <= certain[1].expected_loss < certain[0].expected_loss
    assert certain[1].expected_loss < 0.1 * certain[1].prior_loss
    scores = [entry[1] for entry in certain[1].top]
    assert scores == sorted(scores, reverse=True)
    assert certain[1].top[0][0] == many.found().decisions
    mean, deviation = many.interval(many.found().decisions)
    assert 0 < deviation < few.interval(few.found().decisions)[1]
    # 1,600 scores with noise of 0.05: the prior of what all architectures share has no part in it.
    assert deviation < 0.01
    assert mean > 0


def test_a_posterior_is_restored_to_the_bit(tiny: Space) -> None:
    candidates = candidates_of(tiny, None, 0.7)
    first, second = observed(candidates, 9), StepPosterior(candidates)
    assert second.restore({name: tensor.clone() for name, tensor in first.tensors().items()})
    drawn_twice = [p.draws(5, torch.Generator().manual_seed(1)) for p in (first, second)]
    assert drawn_twice[0] == drawn_twice[1]
    assert not StepPosterior(candidates_of(tiny, 1, 0.7)).restore(first.tensors())


def searched(space: Space, clips: Path, run: Path, settings: SearchSettings = SETTINGS) -> None:
    search(
        space,
        step=1,
        data=clips,
        run=run,
        settings=settings,
        data_settings=DataSettings(cache=True),
        cadence=OFTEN,
        device="cpu",
    )


def test_a_step_stops_once_the_loss_is_small_and_after_a_kill_at_the_same_place(
    tiny: Space, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SETTINGS.model_copy(update={"epochs": 6, "scoring_fraction": 1.0, "stop_loss": 1e6})
    searched(tiny, clips, tmp_path / "whole", settings)
    with monkeypatch.context() as patch:
        patch.setattr(progressive, "finish", lambda *given: sys.exit("killed"))
        with pytest.raises(SystemExit):
            searched(tiny, clips, tmp_path / "killed", settings)
    searched(tiny, clips, tmp_path / "killed", settings)
    for run in ("whole", "killed"):
        result = json.loads((tmp_path / run / "step1" / "result.json").read_text())
        epochs = result["stopped_after_epoch"]
        assert 1 <= epochs < 6
        assert [line["epoch"] for line in read_alpha(tmp_path / run / "step1")] == list(range(epochs + 1))
        assert read_architecture(tmp_path / run / "step1" / "architecture.json").lineage[-1].epochs == epochs
    ours, theirs = (read_tensors(tmp_path / run / "step1" / "weights.safetensors") for run in ("whole", "killed"))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_step_goes_on_while_the_loss_is_large(tiny: Space, clips: Path, tmp_path: Path) -> None:
    searched(tiny, clips, tmp_path, SETTINGS.model_copy(update={"scoring_fraction": 1.0, "stop_loss": 1e-9}))
    assert json.loads((tmp_path / "step1" / "result.json").read_text())["stopped_after_epoch"] is None


def test_a_killed_search_ends_with_the_same_numbers(
    tiny: Space, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched(tiny, clips, tmp_path / "whole")
    own = StepLearner.update_alpha

    def dies(self: StepLearner, batch: object, iteration: int) -> object:
        if iteration == 6:
            raise KeyboardInterrupt
        return own(self, batch, iteration)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(StepLearner, "update_alpha", dies)
        with pytest.raises(KeyboardInterrupt):
            searched(tiny, clips, tmp_path / "killed")
    searched(tiny, clips, tmp_path / "killed")
    ours, theirs = (read_tensors(tmp_path / run / "step1" / "weights.safetensors") for run in ("whole", "killed"))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    results = [json.loads((tmp_path / run / "step1" / "result.json").read_text()) for run in ("whole", "killed")]
    for result in results:
        assert result["method"] == "thompson"
        assert result["expected_loss"] >= 0
        assert 0 <= result["best_share"] <= 1
    different = {name for name in results[0] if results[0][name] != results[1][name]}
    assert different <= {"seconds", "files", "sha256"}
    lines = [read_alpha(tmp_path / run / "step1") for run in ("whole", "killed")]
    assert lines[0] == lines[1]
    # Uniform at first; then the shares of the draws, all within the target.
    assert lines[0][0]["entropy"] > lines[0][-1]["entropy"]
    assert lines[0][-1]["probability_within"] == 1.0
    architecture = read_architecture(tmp_path / "whole" / "step1" / "architecture.json")
    assert architecture.flops <= (tiny.step(1).target_macs or 0)


@pytest.mark.parametrize(
    ("fraction", "total", "warmup", "first", "count"),
    [(0.25, 100, 10, 75, 16), (0.25, 100, 90, 90, 16), (1.0, 100, 0, 0, 4), (0.5, 1, 0, 0, 8), (0.5, 10, 10, 9, 8)],
)
def test_scoring_begins_in_the_last_part_and_scores_as_many_as_are_trained(
    tmp_path: Path, fraction: float, total: int, warmup: int, first: int, count: int
) -> None:
    step = learner(load_text(tmp_path, ORDER), method="thompson", samples=4, scoring_fraction=fraction)
    assert step.samples.scored_from(total, warmup) == first
    assert step.samples.num_scored() == count
    step = learner(load_text(tmp_path, ORDER), method="parsec", samples=4, scoring_fraction=fraction)
    assert step.samples.scored_from(total, warmup) == warmup
    assert step.samples.num_scored() == 4


@pytest.mark.parametrize("batches", [1, 5])
def test_a_search_with_too_few_scores_is_undecided(tmp_path: Path, batches: int) -> None:
    step = learner(load_text(tmp_path, ORDER), method="thompson", samples=4)
    posterior = step.posterior
    assert posterior is not None
    for batch in range(batches):
        samples = drawn(posterior.candidates, 8, batch)
        posterior.observe(samples, [posterior.candidates.macs(s) / 1e4 for s in samples])
    step.refresh(0)
    best = posterior.found()
    told = certainty(step, Found(best.decisions, best.macs, 0.0, best.road, best.gap), 0)
    if batches == 1:
        assert "nats, of 1.39 when all are equally probable" in told["undecided"]
    else:
        assert told["undecided"] is None


CHANGES = {"method": "thompson", "samples": 5, "score": "likelihood", "seed": 3}
ITERATIONS = 8
LEARNER = """
import json, sys, torch
from pathlib import Path
from safetensors.torch import save_file
import tsdsl
from support.learners import learner, ramps
from tsdsl.engine.ranks.ranks import joined

folder = Path(sys.argv[1])
with joined(torch.device("cpu")) as ranks:
    step = learner(tsdsl.load(folder / "order.tsspace"), ranks=ranks, **json.loads(sys.argv[2]))
    for iteration in range(int(sys.argv[3])):
        step.update_weights(ramps(2 * iteration), iteration, iteration / 8)
        step.update_alpha(ramps(2 * iteration + 1), iteration)
    step.refresh(8)
    ranks.require_same(step.tensors(), "the end")
    if ranks.is_first:
        save_file({name: t.clone() for name, t in step.tensors().items()}, folder / "learned.safetensors")
"""


@pytest.mark.parametrize("size", [2, 3])
def test_several_ranks_learn_what_one_does(tmp_path: Path, size: int) -> None:
    (tmp_path / "order.tsspace").write_text(ORDER)
    ended = launch(LEARNER, size, str(tmp_path), json.dumps(CHANGES), str(ITERATIONS))
    assert [end.errors for end in ended if end.code] == []
    step = learner(load_text(tmp_path, ORDER), ranks=Ranks(), **CHANGES)
    for iteration in range(ITERATIONS):
        step.update_weights(ramps(2 * iteration), iteration, iteration / 8)
        step.update_alpha(ramps(2 * iteration + 1), iteration)
    step.refresh(ITERATIONS)
    shared, alone = read_tensors(tmp_path / "learned.safetensors"), step.tensors()
    assert shared.keys() == alone.keys()
    assert alone["posterior/gram"].abs().sum() > 0
    for name, tensor in alone.items():
        torch.testing.assert_close(shared[name], tensor, rtol=1e-4, atol=1e-6)


def test_a_batch_compares_different_architectures_though_the_posterior_is_sure(tiny: Space) -> None:
    candidates = candidates_of(tiny, None, 0.7)
    posterior = observed(candidates, 200)
    drawn_freely = posterior.draws(8, torch.Generator().manual_seed(0))
    assert len({tuple(one.items()) for one in drawn_freely}) < 8
    proposed = posterior.proposals(8, torch.Generator().manual_seed(0))
    assert len({tuple(one.items()) for one in proposed}) == 8
    assert all(candidates.is_within(one) for one in proposed)
    # Where there are fewer than that, they come again.
    least = min(map(candidates.macs, every_architecture(candidates.variables)))
    only = StepPosterior(WithinTarget(candidates.flops, least))
    assert len(only.proposals(3, torch.Generator().manual_seed(0))) == 3
