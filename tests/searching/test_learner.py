"""One step's learning: that it finds what the data need, within the memory and the parts it should touch."""

from __future__ import annotations

import pytest
import torch

from support.device_reads import DeviceReads
from support.learners import ORDER, learner, ramps
from support.live_bytes import LiveBytes, SavedBytes
from support.search_spaces import load_text
from tsdsl.data import normalise
from tsdsl.errors import FileError, RunError
from tsdsl.searching.learning.learner import metrics
from tsdsl.space.model import Space


@pytest.fixture(scope="module")
def order(tmp_path_factory: pytest.TempPathFactory) -> Space:
    return load_text(tmp_path_factory.mktemp("order"), ORDER)


@pytest.mark.parametrize(
    "changes",
    [
        {"accuracy_weights": "standardized"},
        pytest.param({"accuracy_weights": "softmax", "accuracy_temperature": 0.1}, marks=pytest.mark.nightly),
        {"score": "likelihood", "reduction": "sum"},
        pytest.param({"weight_updates": "sliced"}, marks=pytest.mark.nightly),
    ],
)
def test_alpha_learns_which_kernel_the_data_need(order: Space, changes: dict[str, object]) -> None:
    step = learner(order, **changes)
    for iteration in range(120):
        step.update_weights(ramps(2 * iteration), iteration, iteration / 120)
        step.update_alpha(ramps(2 * iteration + 1), iteration)
    probabilities = step.distribution.probabilities()["sparse.stage1.group1.kernel"]
    assert float(probabilities[1]) > 0.8


def test_the_hinge_overrules_accuracy_where_the_target_is_tight(order: Space) -> None:
    free, tight = learner(order), learner(order, target_macs=learner(order).flops.least(), hinge=4.0)
    for step in (free, tight):
        for iteration in range(40):
            step.update_alpha(ramps(iteration), iteration)
    assert tight.flops.expected(tight.distribution) < 0.8 * free.flops.expected(free.distribution)


def test_the_weights_follow_the_importance_weighted_gradient_of_single_samples(order: Space) -> None:
    step = learner(order, momentum=0.0, weight_decay=0.0, reduction="sum", likelihood_temperature=3.0)
    twin = learner(order)
    batch = ramps(0)
    samples = step.samples.training(0)
    losses = []
    for sample in samples:
        scores_BN = twin.supernet(normalise(batch.clips_BCTHW), sample, 1)
        losses.append(torch.nn.functional.cross_entropy(scores_BN, batch.labels_B))
    weights = torch.softmax(torch.stack([-loss.detach() * 16 / 3.0 for loss in losses]), 0)
    torch.stack([weight * loss for weight, loss in zip(weights, losses, strict=True)]).sum().backward()
    scored = step.update_weights(batch, 0, 0.0)
    torch.testing.assert_close(scored.weights_K, weights.double())
    for name, parameter in twin.supernet.named_parameters():
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        expected = parameter.detach() - step.base_lr * gradient
        torch.testing.assert_close(dict(step.supernet.named_parameters())[name].detach(), expected)


def test_scoring_alpha_changes_no_weight_and_training_no_alpha(order: Space) -> None:
    step = learner(order)
    before = {name: tensor.clone() for name, tensor in step.tensors().items()}
    step.update_alpha(ramps(0), 0)
    middle = {name: tensor.clone() for name, tensor in step.tensors().items()}
    assert all(torch.equal(middle[n], before[n]) for n in before if n.startswith("weights/"))
    assert not torch.equal(middle["alpha"], before["alpha"])
    step.update_weights(ramps(1), 0, 0.0)
    assert torch.equal(step.tensors()["alpha"], middle["alpha"])


def test_a_loss_that_is_not_finite_ends_the_run_with_its_place(order: Space) -> None:
    step = learner(order)
    with torch.no_grad():
        step.supernet.placed["head.classifier.classifier.bias"].fill_(float("nan"))
    with pytest.raises(RunError, match="step 1, iteration 7: the loss is nan"):
        step.update_weights(ramps(0), 7, 0.0)


def test_metrics_state_the_learning_rate_scaled_to_the_batch(order: Space) -> None:
    step = learner(order, weight_lr=0.4, batch_size=64)
    trained = step.update_weights(ramps(0), 0, 0.5)
    assert metrics(trained, None, step, 0.5)["weight_lr"] == pytest.approx(0.4 * 64 / 256 / 2)


def test_weights_that_do_not_fit_are_refused_by_name(order: Space) -> None:
    step = learner(order)
    weights = {name: tensor.detach() for name, tensor in step.supernet.placed.items()}
    weights["head.classifier.classifier.bias"] = torch.zeros(3)
    with pytest.raises(FileError, match=r"here: head\.classifier\.classifier\.bias"):
        step.inherit(weights, "here")


def test_sliced_updates_leave_what_no_sample_used(order: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = {}
    for updates in ("dense", "sliced"):
        step = learner(order, weight_updates=updates, samples=2)
        wide, narrow = (
            {"sparse.stage1.group1.kernel": kernel, "sparse.stage1.group1.channels": channels}
            for kernel, channels in (("3x1x1", 8), ("1x1x1", 4))
        )
        for iteration, sample in enumerate((wide, narrow)):
            monkeypatch.setattr(step.samples, "_drawn", lambda *_, sample=sample: [sample, sample])
            before = {name: tensor.detach().clone() for name, tensor in step.supernet.placed.items()}
            step.update_weights(ramps(iteration), iteration, 0.0)
        name = next(name for name, tensor in before.items() if tensor.dim() == 5 and tensor.shape[2] == 3)
        change = (step.supernet.placed[name] - before[name]).abs()
        assert change[:4, :, 1].min() >= 0
        assert change[:4, :, 1].max() > 0
        moved[updates] = change[4:].max() + change[:, :, ::2].max()
    assert moved["sliced"] == 0
    assert moved["dense"] > 0


@pytest.mark.parametrize("updates", ["dense", "sliced"])
def test_a_step_reads_from_the_device_once_a_sample(order: Space, updates: str) -> None:
    step = learner(order, weight_updates=updates)
    batch = ramps(0)
    with DeviceReads(batch.clips_BCTHW, batch.labels_B) as training:
        step.update_weights(batch, 0, 0.0)
    with DeviceReads(batch.clips_BCTHW, batch.labels_B) as scoring:
        step.update_alpha(batch, 0)
    assert training.reads == scoring.reads == []
    assert len(training.transfers) == len(scoring.transfers) == step.samples.num_trained()


def test_waiting_for_no_outcome_before_the_next_sample_changes_no_number(order: Space) -> None:
    prompt, late = learner(order), learner(order)
    late.num_ahead = 1
    for iteration in range(2):
        one, other = (step.update_weights(ramps(iteration), iteration, 0.0) for step in (prompt, late))
        assert (one.loss, one.accuracy) == (other.loss, other.accuracy)
        assert torch.equal(one.weights_K, other.weights_K)
    assert all(torch.equal(tensor, late.tensors()[name]) for name, tensor in prompt.tensors().items())


@pytest.mark.parametrize("updates", ["dense", "sliced"])
def test_sixteen_samples_need_the_memory_of_one(order: Space, updates: str, monkeypatch: pytest.MonkeyPatch) -> None:
    saved, alive = {}, {}
    for count in (1, 2, 16):
        step = learner(order, weight_updates=updates)
        sample = step.samples.training(0)[0]
        monkeypatch.setattr(step.samples, "_drawn", lambda *_, count=count, sample=sample: [sample] * count)
        step.update_weights(ramps(0), 0, 0.0)
        with SavedBytes() as of_activations:
            step.update_weights(ramps(1), 1, 0.0)
        with LiveBytes() as of_all:
            step.update_weights(ramps(2), 2, 0.0)
        saved[count], alive[count] = of_activations.peak, of_all.peak
    assert saved[1] == saved[16] > 0
    # Beside a sample's own gradients, two and more have their sum; nothing else comes with the number.
    assert alive[1] <= alive[2] == alive[16] < 1.5 * alive[1]
