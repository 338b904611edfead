"""The optimiser of a training run: what decays, and what a checkpoint brings back."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from support.device_reads import DeviceReads
from support.memory_clips import MemoryClips, tiny_blueprint
from tsdsl.engine.recipe import TrainSettings
from tsdsl.engine.training.optimiser import make_optimiser, not_finite, restore_training_tensors, training_tensors
from tsdsl.engine.training.step import train_step
from tsdsl.lowering.model import Model

SETTINGS = TrainSettings(weight_decay=0.25, batch_size=64)


def tiny_model() -> Model:
    return Model(tiny_blueprint().network({}), seed=0)


def test_only_weights_decay() -> None:
    model = tiny_model()
    decay = {
        id(parameter): group["weight_decay"]
        for group in make_optimiser(model, SETTINGS).param_groups
        for parameter in group["params"]
    }
    for name, parameter in model.named_parameters():
        expected = 0.0 if "norm" in name or name.endswith("bias") else 0.25
        assert decay[id(parameter)] == expected, name
    assert set(decay.values()) == {0.0, 0.25}


def test_the_rate_is_scaled_linearly_with_the_batch() -> None:
    assert SETTINGS.peak_learning_rate == pytest.approx(0.1)
    assert make_optimiser(tiny_model(), SETTINGS).param_groups[0]["lr"] == pytest.approx(0.1)


def test_a_restored_optimiser_takes_the_same_step() -> None:
    source = MemoryClips()
    first, second = source.batches(0), source.batches(0, 1)
    model = tiny_model()
    optimiser = make_optimiser(model, SETTINGS)
    train_step(model, optimiser, next(first), SETTINGS, source, "here")
    saved = {name: tensor.clone() for name, tensor in training_tensors(model, optimiser).items()}
    other = Model(tiny_blueprint().network({}), seed=1)
    other_optimiser = make_optimiser(other, SETTINGS)
    restore_training_tensors(other, other_optimiser, saved)
    for trained, its_optimiser, batches in ((model, optimiser, first), (other, other_optimiser, second)):
        torch.manual_seed(3)
        train_step(trained, its_optimiser, next(batches), SETTINGS, source, "here")
    ours, theirs = model.state_dict(), other.state_dict()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


def test_a_step_in_parts_reads_no_value_before_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = SETTINGS.model_copy(update={"clips_per_forward": 1})
    source, model = MemoryClips(), tiny_model()
    optimiser = make_optimiser(model, settings)
    batch = next(source.batches(0))
    read: list[int] = []
    with DeviceReads(batch.clips_BCTHW, batch.labels_B) as step:
        tolist = torch.Tensor.tolist
        monkeypatch.setattr(torch.Tensor, "tolist", lambda tensor: (read.append(tensor.numel()), tolist(tensor))[1])
        totals = train_step(model, optimiser, batch, settings, source, "here")
    assert len(batch.labels_B) > 1
    assert totals.num_clips == len(batch.labels_B)
    assert step.reads == step.transfers == []
    assert read == [2 * len(batch.labels_B)]


def test_the_first_tensor_that_is_not_finite_is_named() -> None:
    tensors = {"count": torch.tensor(3), "fine": torch.ones(2), "bad": torch.tensor([1.0, float("inf")])}
    assert not_finite(tensors) == "bad"
    assert not_finite({"fine": torch.ones(2)}) is None


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ValidationError, match="epoch"):
        TrainSettings.model_validate({"epoch": 3})
