"""The options of a training step, each against its definition, so that leaving one out shows."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from support.memory_clips import MemoryClips, memory_data, tiny_architecture, tiny_blueprint
from tsdsl.data import Batch, normalise
from tsdsl.engine.device import autocast
from tsdsl.engine.recipe import TrainSettings
from tsdsl.engine.runs.directory import RunDirectory
from tsdsl.engine.training.optimiser import make_optimiser
from tsdsl.engine.training.step import train_step
from tsdsl.engine.training.train import train
from tsdsl.lowering.model import Model

PLAIN = TrainSettings(momentum=0.0, nesterov=False, weight_decay=0.0, batch_size=4, reference_batch_size=4)


def model() -> Model:
    return Model(tiny_blueprint(dropout=0.0).network({}), seed=0)


def first_batch() -> Batch:
    return next(MemoryClips().batches(0))


def moved(**changes: object) -> dict[str, Tensor]:
    """How far one step with these settings moves each weight, at a learning rate of 1."""
    settings = PLAIN.model_copy(update=changes)
    trained = model()
    before = {name: p.detach().clone() for name, p in trained.named_parameters()}
    optimiser = make_optimiser(trained, settings)
    train_step(trained, optimiser, first_batch(), settings, MemoryClips(), "here")
    return {n: (before[n] - p.detach()) / settings.peak_learning_rate for n, p in trained.named_parameters()}


def gradients(loss: Tensor, twin: Model) -> dict[str, Tensor]:
    loss.backward()
    return {n: torch.zeros_like(p) if p.grad is None else p.grad for n, p in twin.named_parameters()}


def assert_same(ours: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    for name, tensor in expected.items():
        torch.testing.assert_close(ours[name], tensor, rtol=1e-4, atol=1e-6)


def differs(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return any(not torch.allclose(one[name], other[name], atol=1e-4) for name in one)


def test_smoothed_labels_are_learned() -> None:
    twin, batch = model(), first_batch()
    loss = F.cross_entropy(twin(normalise(batch.clips_BCTHW)), batch.labels_B, label_smoothing=0.4)
    expected = gradients(loss, twin)
    assert_same(moved(label_smoothing=0.4), expected)
    assert differs(moved(), expected)


def test_parts_of_a_batch_give_the_gradient_of_the_whole_with_their_own_statistics() -> None:
    twin, batch = model(), first_batch()
    scores = [twin(normalise(part)) for part in batch.clips_BCTHW.split(2)]
    expected = gradients(F.cross_entropy(torch.cat(scores), batch.labels_B), twin)
    assert_same(moved(clips_per_forward=2), expected)
    assert differs(moved(), expected)


def test_a_gradient_longer_than_allowed_is_scaled_and_a_shorter_one_left() -> None:
    free = moved()
    norm = float(torch.cat([tensor.flatten() for tensor in free.values()]).norm())
    assert norm > 0.1
    assert_same(moved(gradient_norm=0.1), {name: tensor * 0.1 / norm for name, tensor in free.items()})
    assert_same(moved(gradient_norm=100 * norm), free)


def test_the_average_of_the_weights_is_what_is_saved(tmp_path: Path) -> None:
    settings = TrainSettings(
        epochs=2, batch_size=4, learning_rate=2.0, average_decay=0.75, precise_norm_batches=1, evaluate_every_epochs=2
    )
    seen: list[dict[str, Tensor]] = []

    class Watched(Model):
        def forward(self, clips_BCTHW: Tensor) -> Tensor:
            if self.training:
                seen.append({name: p.detach().clone() for name, p in self.named_parameters()})
            return super().forward(clips_BCTHW)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tsdsl.engine.training.train.Model", Watched)
        patch.setattr("tsdsl.engine.training.validation.recalibrate", lambda *_: None)
        train(tiny_blueprint(), tiny_architecture(), memory_data(), settings, RunDirectory(tmp_path))
    newest = load_file(sorted((tmp_path / "checkpoints").iterdir())[-1] / "tensors.safetensors")
    after = [*seen[1:], {name: newest[f"model/{name}"] for name in seen[0]}]
    saved = load_file(tmp_path / "weights.safetensors")
    for name, average in seen[0].items():
        for weights in after:
            average = 0.75 * average + 0.25 * weights[name]
        torch.testing.assert_close(saved[name], average)
    assert any(not torch.allclose(saved[name], newest[f"model/{name}"]) for name in seen[0])


def test_half_precision_is_bfloat16_on_cuda_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    def noted(kind: str, dtype: torch.dtype) -> AbstractContextManager[None]:
        asked.append((kind, dtype))
        return nullcontext()

    monkeypatch.setattr("torch.autocast", noted)
    for enabled in (True, False):
        with autocast(torch.device("cuda"), enabled):
            pass
    assert asked == [("cuda", torch.bfloat16)]


@pytest.mark.parametrize("wanted", [True, False])
def test_a_training_step_asks_for_the_precision_of_its_settings(monkeypatch: pytest.MonkeyPatch, wanted: bool) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(
        "tsdsl.engine.training.step.autocast", lambda _, enabled: asked.append(enabled) or nullcontext()
    )
    moved(mixed_precision=wanted)
    assert asked == [wanted]
