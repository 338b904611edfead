"""The distribution conditioned on a target against enumeration, and searches that draw from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from support.enumeration import every_architecture, random_distribution
from tsdsl.analysis.tables.cost_table import architecture_cost
from tsdsl.data import Batch
from tsdsl.engine.runs.metrics import read_metrics
from tsdsl.errors import RunError, UsageError
from tsdsl.network.layout import Blueprint
from tsdsl.searching import step_directory
from tsdsl.searching.budget import conditioned
from tsdsl.searching.budget.conditioned import Conditioned
from tsdsl.searching.budget.flops import StepFlops, step_flops
from tsdsl.searching.distribution.factorised import Decisions, Distribution, step_variables
from tsdsl.searching.learning.learner import Scored, StepLearner
from tsdsl.searching.progressive import search
from tsdsl.searching.settings import Cadence, DataSettings, SearchSettings
from tsdsl.searching.step import read_alpha
from tsdsl.space.model import Space
from tsdsl.space.parts import Value

SETTINGS = SearchSettings(
    method="parsec", budget="condition", samples=4, batch_size=4, recalibration_batches=2, alpha_lr=0.2
)
# A bin for each cost that an architecture of the tiny space may have.
EXACT = 1 << 16
STEPS = [1, 2, 3, None]


def setting(space: Space, step: int | None) -> StepFlops:
    """A step, where the one before it found the last value of everything."""
    found = {} if step is None else {d.path: d.values[-1] for d in space.decisions if d.parent is None}
    return step_flops(Blueprint(space), step, step_variables(space, step, found))


def target_of(flops: StepFlops, share: float) -> int:
    """A target that about a share of all architectures is within."""
    macs = sorted(map(flops.macs, every_architecture(flops.variables)))
    return macs[int(share * (len(macs) - 1))]


def log_probability_within(distribution: Distribution, architectures: Sequence[Decisions]) -> float:
    return math.log(sum(math.exp(distribution.log_probability(a)) for a in architectures))


def slope(
    distribution: Distribution, samples: Sequence[Decisions], weights: Tensor, within: Sequence[Decisions]
) -> Tensor:
    """sum_k m_k log P(A_k|within) differentiated by each logit, by central differences over all that is within."""
    nudge = 1e-5

    def value(logits: Tensor) -> float:
        moved = Distribution(distribution.variables, logits)
        logs = [moved.log_probability(sample) for sample in samples]
        total = sum(w * log for w, log in zip(weights.tolist(), logs, strict=True))
        return float(total - float(weights.sum()) * log_probability_within(moved, within))

    result = torch.zeros_like(distribution.logits)
    for index in range(len(result)):
        step = torch.zeros_like(result)
        step[index] = nudge
        result[index] = (value(distribution.logits + step) - value(distribution.logits - step)) / (2 * nudge)
    return result


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("share", [0.3, 0.7, 1.0])
def test_the_gradient_is_that_of_the_conditioned_distribution(tiny: Space, step: int | None, share: float) -> None:
    flops = setting(tiny, step)
    target = target_of(flops, share)
    within = [a for a in every_architecture(flops.variables) if flops.macs(a) <= target]
    for seed in range(3):
        distribution = random_distribution(flops.variables, seed)
        drawn = Conditioned(distribution, flops, target, EXACT)
        samples = drawn.sample(4, seed)
        weights = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
        expected = slope(distribution, samples, weights, within)
        torch.testing.assert_close(drawn.score_gradient(samples, weights), expected, atol=1e-6, rtol=0)


def test_a_nested_decision_is_among_those_tried(tiny: Space) -> None:
    flops = setting(tiny, 3)
    nested = [d for d in flops.variables.decisions if d.parent is not None]
    assert nested
    # Within the target are some with and some without it, so that its existence depends on the target.
    within = [a for a in every_architecture(flops.variables) if flops.macs(a) <= target_of(flops, 0.7)]
    assert {nested[0].path in a for a in within} == {True, False}


def test_the_expected_gradient_of_one_sample_is_zero(tiny: Space) -> None:
    flops = setting(tiny, None)
    target = target_of(flops, 0.4)
    distribution = random_distribution(flops.variables, 4)
    within = [a for a in every_architecture(flops.variables) if flops.macs(a) <= target]
    total = log_probability_within(distribution, within)
    shares = torch.tensor([math.exp(distribution.log_probability(a) - total) for a in within], dtype=torch.float64)
    gradient = Conditioned(distribution, flops, target, EXACT).score_gradient(within, shares)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-9, rtol=0)


@pytest.mark.parametrize("step", STEPS)
def test_probability_within_equals_enumeration(tiny: Space, step: int | None) -> None:
    flops = setting(tiny, step)
    distribution = random_distribution(flops.variables, 2)
    for share in (0.2, 0.6, 1.0):
        target = target_of(flops, share)
        within = [a for a in every_architecture(flops.variables) if flops.macs(a) <= target]
        expected = math.exp(log_probability_within(distribution, within))
        assert Conditioned(distribution, flops, target, EXACT).probability_within() == pytest.approx(expected, abs=1e-8)


def test_samples_are_within_the_target_with_the_right_frequencies(tiny: Space) -> None:
    flops = setting(tiny, 3)
    target = target_of(flops, 0.7)
    distribution = random_distribution(flops.variables, 1, spread=0.7)
    within = [a for a in every_architecture(flops.variables) if flops.macs(a) <= target]
    samples = Conditioned(distribution, flops, target).sample(4000, 7)
    assert len(samples) == 4000
    assert all(flops.macs(sample) <= target for sample in samples)
    total = log_probability_within(distribution, within)
    for architecture in within:
        expected = math.exp(distribution.log_probability(architecture) - total)
        assert samples.count(architecture) / 4000 == pytest.approx(expected, abs=0.03)


def test_samples_follow_the_seed_and_alpha_alone(tiny: Space) -> None:
    flops = setting(tiny, None)
    drawn = Conditioned(random_distribution(flops.variables), flops, target_of(flops, 0.5))
    assert drawn.sample(6, 3) == drawn.sample(6, 3) != drawn.sample(6, 4)


def test_a_target_that_alpha_gives_no_probability_is_an_error(tiny: Space) -> None:
    flops = setting(tiny, 1)
    cheapest = min(every_architecture(flops.variables), key=flops.macs)
    logits = torch.zeros(flops.variables.num_logits, dtype=torch.float64)
    for decision in flops.variables.decisions:
        logits[flops.variables.slices[decision.path]][decision.values.index(cheapest[decision.path])] = -1000
    with pytest.raises(RunError, match="alpha gives practically no probability"):
        Conditioned(Distribution(flops.variables, logits), flops, flops.macs(cheapest)).sample(2, 0)


def searched(space: Space, clips: Path, run: Path, settings: SearchSettings = SETTINGS, step: int = 1) -> int:
    """The FLOPs found."""
    cadence = Cadence(checkpoint_iterations=3, log_iterations=3)
    data = DataSettings(cache=True)
    return search(
        space, step=step, data=clips, run=run, settings=settings, data_settings=data, cadence=cadence, device="cpu"
    ).flops


@pytest.mark.parametrize("seed", [0, 1])
def test_a_conditioned_search_draws_only_within_its_target_and_ends_there(
    tiny: Space, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    drawn: list[dict[str, Value]] = []
    original = Conditioned.sample

    def watched(self: Conditioned, count: int, seed: int) -> list[dict[str, Value]]:
        drawn.extend(original(self, count, seed))
        return drawn[-count:]

    monkeypatch.setattr(Conditioned, "sample", watched)
    settings = SETTINGS.model_copy(update={"seed": seed})
    found = [searched(tiny, clips, tmp_path / "run", settings, step) for step in (1, 2, 3)]
    assert all(macs <= (tiny.step(n).target_macs or 0) for n, macs in enumerate(found, start=1))
    # 2 epochs of 4 iterations a step; 4 samples for the weights and 4 for alpha.
    assert len(drawn) == 3 * 2 * 4 * (4 + 4)
    for step, begin in ((1, 0), (2, 64), (3, 128)):
        for sample in drawn[begin : begin + 64]:
            # Counted layer by layer, not by the tables that samples are drawn with.
            macs, _, _ = architecture_cost(Blueprint(tiny), sample, step)
            assert macs <= (tiny.step(step).target_macs or 0)


def test_a_killed_conditioned_search_ends_with_the_numbers_of_an_uninterrupted_one(
    tiny: Space, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched(tiny, clips, tmp_path / "whole")
    update = StepLearner.update_alpha

    def failing(learner: StepLearner, batch: Batch, iteration: int) -> Scored:
        if iteration == 5:
            raise MemoryError
        return update(learner, batch, iteration)

    with monkeypatch.context() as patch:
        patch.setattr(StepLearner, "update_alpha", failing)
        with pytest.raises(MemoryError):
            searched(tiny, clips, tmp_path / "killed")
    searched(tiny, clips, tmp_path / "killed")
    whole, killed = (step_directory(tmp_path / name, 1).path for name in ("whole", "killed"))
    assert read_alpha(killed) == read_alpha(whole)
    assert read_metrics(killed) == read_metrics(whole)


@pytest.mark.parametrize("budget", ["hinge", "condition"])
def test_the_probability_of_being_within_is_recorded_once_an_epoch(
    tiny: Space, clips: Path, tmp_path: Path, budget: str
) -> None:
    searched(tiny, clips, tmp_path / "run", SETTINGS.model_copy(update={"budget": budget}))
    folder = step_directory(tmp_path / "run", 1).path
    recorded = [line["probability_within"] for line in read_alpha(folder)]
    flops = setting(tiny, 1)
    within = [a for a in every_architecture(flops.variables) if flops.macs(a) <= 20_000]
    # Alpha begins uniform over 16 architectures.
    assert recorded[0] == pytest.approx(len(within) / 16)
    assert 0 < len(within) < 16
    lines = {line["iteration"]: line.get("probability_within") for line in read_metrics(folder)}
    assert lines == {3: None, 4: recorded[1], 6: None, 8: recorded[2]}
    shares = [line["share_within_target"] for line in read_metrics(folder)]
    assert (min(shares) == 1.0) == (budget == "condition")


def test_without_a_target_there_is_nothing_to_condition_on(tiny: Space, clips: Path, tmp_path: Path) -> None:
    step = replace(tiny.step(2), target_macs=None)
    space = replace(tiny, steps=(tiny.step(1), step, tiny.step(3)))
    with pytest.raises(UsageError, match="budget = condition: step 2 has no target"):
        search(space, step="all", data=clips, run=tmp_path / "run", settings=SETTINGS, device="cpu")
    assert not (tmp_path / "run" / "step1").exists()


def test_entangled_decisions_end_a_conditioned_search_but_not_one_by_the_hinge(
    tiny: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    def entangled(*arguments: object, **options: object) -> tuple[float, float]:
        raise RunError("an exact answer needs too large a table", help="use fewer choices")

    monkeypatch.setattr(conditioned, "probability_within", entangled)
    flops = setting(tiny, 1)
    for budget in ("hinge", "condition"):
        settings = SETTINGS.model_copy(update={"budget": budget})
        distribution = Distribution.uniform(flops.variables)
        step = StepLearner(Blueprint(tiny), 1, distribution, flops, 20_000, settings, torch.device("cpu"))
        if budget == "hinge":
            assert step.samples.probability_within() is None
        else:
            with pytest.raises(RunError, match="too large a table"):
                step.samples.probability_within()
