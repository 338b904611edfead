"""The options of a step's learning, each against what its definition gives for the same samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import Tensor

from support.learners import ORDER, learner, ramps
from support.search_spaces import load_text
from tsdsl.data import normalise
from tsdsl.engine.evaluation.evaluate import Evaluation, evaluate_views
from tsdsl.engine.runs.metrics import read_metrics
from tsdsl.errors import RunError
from tsdsl.lowering import Model
from tsdsl.searching import Cadence, DataSettings, SearchSettings, search
from tsdsl.searching.learning.learner import StepLearner
from tsdsl.space.model import Space

PLAIN = {"momentum": 0.0, "weight_decay": 0.0, "weight_lr": 1.0}
SANDWICH = {"warmup_epochs": 1, "warmup_samples": "sandwich"}


@pytest.fixture(scope="module")
def order(tmp_path_factory: pytest.TempPathFactory) -> Space:
    return load_text(tmp_path_factory.mktemp("order"), ORDER)


def moves(step: StepLearner, *, warms_up: bool = False) -> dict[str, Tensor]:
    """How far each weight moves on one batch, a learning rate of 1 assumed."""
    before = {name: tensor.detach().clone() for name, tensor in step.supernet.placed.items()}
    step.update_weights(ramps(0), 0, 0.0, warms_up=warms_up)
    return {n: (before[n] - t.detach()) / step.base_lr for n, t in step.supernet.placed.items()}


def gradients(step: StepLearner, loss: Tensor) -> dict[str, Tensor]:
    """The gradient of a loss for each shared weight."""
    loss.backward()
    placed = step.supernet.placed
    return {n: torch.zeros_like(t) if t.grad is None else t.grad.clone() for n, t in placed.items()}


def assert_same(ours: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert max(float(tensor.abs().max()) for tensor in expected.values()) > 1e-3
    for name, tensor in expected.items():
        torch.testing.assert_close(ours[name], tensor, rtol=1e-4, atol=1e-6)


def test_label_smoothing_is_of_the_loss_that_is_learned_and_not_of_the_score(order: Space) -> None:
    step, twin = learner(order, **PLAIN, label_smoothing=0.3), learner(order)
    batch = ramps(0)
    smooth, plain = [], []
    for sample in step.samples.training(0):
        scores_BN = twin.supernet(normalise(batch.clips_BCTHW), sample, 1)
        smooth.append(F.cross_entropy(scores_BN, batch.labels_B, label_smoothing=0.3))
        plain.append(F.cross_entropy(scores_BN, batch.labels_B).detach())
    weights = torch.softmax(-torch.stack(plain), 0)
    assert_same(moves(step), gradients(twin, (weights * torch.stack(smooth)).sum()))


def test_a_batch_in_parts_sums_their_gradients_each_with_its_own_batch_statistics(order: Space) -> None:
    step, twin = learner(order, **PLAIN, clips_per_forward=6), learner(order)
    batch = ramps(0)
    losses = []
    for sample in step.samples.training(0):
        parts = [batch.clips_BCTHW[part] for part in (slice(0, 5), slice(5, 10), slice(10, 16))]
        scores_BN = torch.cat([twin.supernet(normalise(part), sample, 1) for part in parts])
        losses.append(F.cross_entropy(scores_BN, batch.labels_B))
    loss_K = torch.stack(losses)
    expected = gradients(twin, (torch.softmax(-loss_K.detach(), 0) * loss_K).sum())
    assert_same(moves(step), expected)
    whole = moves(learner(order, **PLAIN))
    assert any(not torch.allclose(whole[name], tensor, atol=1e-3) for name, tensor in expected.items())
    scores = [learner(order, clips_per_forward=size).update_alpha(ramps(1), 0).loss for size in (None, 6)]
    assert scores[0] != scores[1], "alpha is scored in parts too"


@pytest.mark.parametrize("updates", ["dense", "sliced"])
def test_a_long_gradient_is_scaled_to_the_largest_norm_and_a_short_one_left(order: Space, updates: str) -> None:
    def moved(limit: float | None) -> Tensor:
        step = learner(order, **PLAIN, weight_updates=updates, gradient_norm=limit)
        return torch.cat([tensor.flatten() for tensor in moves(step).values()])

    free = moved(None)
    assert float(free.norm()) > 0.02
    torch.testing.assert_close(moved(0.01), free / free.norm() * 0.01, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(moved(100.0), free)


def test_a_sandwich_is_the_largest_the_smallest_and_drawn_ones_of_the_same_weight(order: Space) -> None:
    step, twin = learner(order, **PLAIN, **SANDWICH), learner(order)
    drawn = step.samples.training(0)
    kernel, channels = "sparse.stage1.group1.kernel", "sparse.stage1.group1.channels"
    samples = [{kernel: "3x1x1", channels: 8}, {kernel: "1x1x1", channels: 4}, *drawn[2:]]
    batch = ramps(0)
    losses = [
        F.cross_entropy(twin.supernet(normalise(batch.clips_BCTHW), sample, 1), batch.labels_B) for sample in samples
    ]
    assert_same(moves(step, warms_up=True), gradients(twin, torch.stack(losses).mean()))
    scored = learner(order, **SANDWICH).update_weights(batch, 0, 0.0, warms_up=True)
    assert scored.weights_K.tolist() == [0.25] * 4
    again = learner(order, **SANDWICH).update_weights(batch, 0, 0.0)
    assert again.weights_K.tolist() != [0.25] * 4, "only while it warms up"


def test_distilled_ones_learn_the_scores_of_the_largest(order: Space) -> None:
    step, twin = learner(order, **PLAIN, **SANDWICH | {"warmup_samples": "distilled"}), learner(order)
    batch = ramps(0)
    samples = step.samples.sandwich(0)
    scores = [twin.supernet(normalise(batch.clips_BCTHW), sample, 1) for sample in samples]
    taught = scores[0].detach().softmax(1)
    losses = [F.cross_entropy(scores[0], batch.labels_B), *(F.cross_entropy(s, taught) for s in scores[1:])]
    assert_same(moves(step, warms_up=True), gradients(twin, torch.stack(losses).mean()))


def test_a_warm_up_rule_without_a_warm_up_is_refused() -> None:
    with pytest.raises(ValidationError, match="warmup_samples = sandwich has no effect without warmup_epochs"):
        SearchSettings(warmup_samples="sandwich")


@pytest.mark.parametrize("form", ["normalized", "additive"])
def test_either_form_of_the_hinge_leads_to_smaller_architectures(order: Space, form: str) -> None:
    free, tight = learner(order), learner(order, learner(order).flops.least(), hinge=4.0, hinge_form=form)
    for step in (free, tight):
        for iteration in range(40):
            step.update_alpha(ramps(iteration), iteration)
    assert tight.flops.expected(tight.distribution) < 0.9 * free.flops.expected(free.distribution)


def test_the_forms_of_the_hinge_differ(order: Space) -> None:
    target = learner(order).flops.least() + 1
    alphas = []
    for form in ("normalized", "additive"):
        step = learner(order, target, hinge_form=form)
        samples = step.samples.validation(0)
        alphas.append(step._alpha_gradient(samples, torch.full((4,), 0.25, dtype=torch.float64)))
    assert not torch.allclose(alphas[0], alphas[1])


def test_alpha_is_weighed_by_accuracy_as_the_settings_read_it(order: Space) -> None:
    batch = ramps(6)
    for reading, temperature in (("literal", 1.0), ("softmax", 0.2), ("standardized", 0.5)):
        step = learner(order, samples=8, accuracy_weights=reading, accuracy_temperature=temperature)
        with torch.no_grad():
            scores = [step.supernet(normalise(batch.clips_BCTHW), s, 1) for s in step.samples.validation(0)]
        accuracy_K = torch.tensor([(s.argmax(1) == batch.labels_B).double().mean() for s in scores])
        assert float(accuracy_K.std()) > 0.01
        expected_K = {
            "literal": accuracy_K / accuracy_K.sum(),
            "softmax": torch.softmax(accuracy_K / 0.2, 0),
            "standardized": torch.softmax((accuracy_K - accuracy_K.mean()) / accuracy_K.std(correction=0) / 0.5, 0),
        }[reading]
        torch.testing.assert_close(step.update_alpha(batch, 0).weights_K, expected_K)


def test_adaptive_samples_are_a_quarter_of_the_entropy_in_both_updates(
    order: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = learner(order, samples="adaptive")
    for entropy, count in ((21.0, 5), (13.0, 3), (1.0, 2)):
        monkeypatch.setattr(step.distribution.__class__, "entropy", lambda _, entropy=entropy: entropy)
        assert len(step.update_weights(ramps(0), 0, 0.0).weights_K) == count
        assert len(step.update_alpha(ramps(0), 0).weights_K) == count


def test_alpha_follows_adam_with_the_momentum_of_the_settings(order: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = []
    for momentum in (0.5, 0.9):
        step = learner(order, alpha_lr=0.1, alpha_momentum=momentum)
        twin = torch.nn.Parameter(step.distribution.logits.detach().clone())
        expected = torch.optim.Adam([twin], lr=0.1, betas=(momentum, 0.999))
        update = step.adam.step

        def watched(update: Any = update, twin: Tensor = twin, step: StepLearner = step, adam: Any = expected) -> None:
            twin.grad = torch.clone(step.distribution.logits.grad)
            adam.step()
            update()

        monkeypatch.setattr(step.adam, "step", watched)
        for iteration in range(3):
            step.update_alpha(ramps(iteration), iteration)
        torch.testing.assert_close(step.distribution.logits, twin.detach())
        ends.append(twin.detach())
    assert not torch.allclose(ends[0], ends[1])


def run(space: Space, clips: Path, folder: Path, **changes: object) -> None:
    settings = {
        "method": "parsec",
        "samples": 4,
        "batch_size": 8,
        "epochs": 2,
        "weight_lr": 1.0,
        "recalibration_batches": 1,
        **changes,
    }
    search(
        space,
        step=1,
        data=clips,
        run=folder,
        device="cpu",
        settings=SearchSettings.model_validate(settings),
        data_settings=DataSettings(cache=True),
        cadence=Cadence(checkpoint_iterations=1, log_iterations=1),
    )


def test_a_search_makes_sandwiches_in_its_warm_up_and_no_longer(tiny: Space, clips: Path, tmp_path: Path) -> None:
    run(tiny, clips, tmp_path / "run", **SANDWICH)
    lines = read_metrics(tmp_path / "run" / "step1")
    sizes = [line["training/effective_samples"] for line in lines]
    assert [size == pytest.approx(4.0, abs=1e-9) for size in sizes] == [True, True, False, False]


def test_a_loss_that_is_no_number_names_step_clips_and_architecture(
    tiny: Space, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tsdsl.searching.learning.learner.normalise", lambda clips: normalise(clips) * float("nan"))
    pattern = r"step 1, iteration 0: the loss is nan on .*train.*\.mp4.* and 5 more for the architecture sparse\.stage1"
    with pytest.raises(RunError, match=pattern) as raised:
        run(tiny, clips, tmp_path / "run")
    assert raised.value.exit_code == 4


def test_weights_that_blew_up_are_not_saved_and_the_checkpoint_before_is_kept(
    tiny: Space, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = StepLearner.update_alpha

    def then_break(step: StepLearner, batch: object, iteration: int) -> object:
        scored = update(step, batch, iteration)  # type: ignore[arg-type]
        if iteration == 2:
            step.supernet.placed[step.names[0]].data.fill_(float("inf"))
        return scored

    monkeypatch.setattr(StepLearner, "update_alpha", then_break)
    with pytest.raises(RunError, match=r"step1: .* is not finite after iteration 3; the checkpoint before is kept"):
        run(tiny, clips, tmp_path / "run")
    monkeypatch.undo()
    names = sorted(path.name for path in (tmp_path / "run/step1/checkpoints").iterdir())
    assert names[-1].split("-")[1].lstrip("0") == "2"
    run(tiny, clips, tmp_path / "run")
    assert (tmp_path / "run/step1/result.json").exists()


def test_a_found_architecture_is_measured_with_statistics_of_its_own(
    tiny: Space, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[dict[str, Tensor]] = []

    def noted(model: Model, *arguments: Any, **options: Any) -> Evaluation:
        measured.append({name: buffer.clone() for name, buffer in model.named_buffers()})
        return evaluate_views(model, *arguments, **options)

    monkeypatch.setattr("tsdsl.searching.record.outcome.evaluate_views", noted)
    run(tiny, clips, tmp_path / "run", recalibration_batches=2)
    (buffers,) = measured
    counts = [int(buffer) for name, buffer in buffers.items() if name.endswith("num_batches_tracked")]
    means = [buffer for name, buffer in buffers.items() if name.endswith("running_mean")]
    assert counts == [2] * len(counts)
    assert counts
    assert all(float(mean.abs().max()) > 0 for mean in means)
