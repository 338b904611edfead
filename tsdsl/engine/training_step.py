"""One optimiser step on one batch, and the totals of an epoch.

Tensor names: B clips, C channels, T frames, H rows, W columns, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from tsdsl.data import Batch, normalise
from tsdsl.engine.device import autocast
from tsdsl.engine.recipe import TrainSettings
from tsdsl.engine.training_data import TrainingClips
from tsdsl.errors import RunError
from tsdsl.lowering.model import Model

NUM_NAMED_CLIPS = 3


@dataclass(frozen=True)
class EpochTotals:
    """Sums over the clips of an epoch so far."""

    loss_sum: float = 0.0
    num_right: int = 0
    num_clips: int = 0

    def __add__(self, other: EpochTotals) -> EpochTotals:
        return EpochTotals(
            self.loss_sum + other.loss_sum,
            self.num_right + other.num_right,
            self.num_clips + other.num_clips,
        )

    @property
    def loss(self) -> float:
        """Mean cross-entropy of a clip."""
        return self.loss_sum / max(self.num_clips, 1)

    @property
    def top1(self) -> float:
        """Fraction of clips whose best class was right."""
        return self.num_right / max(self.num_clips, 1)

    def to_json(self) -> dict[str, float]:
        """The sums by name."""
        return asdict(self)


def train_step(
    model: Model,
    optimiser: torch.optim.SGD,
    batch: Batch,
    settings: TrainSettings,
    source: TrainingClips,
    place: str,
) -> EpochTotals:
    """One forward and backward pass and one step of SGD; `place` says where in which run, for an error.

    Raises:
        RunError: the loss is not a finite number; no weight was changed by this batch.
    """
    device = next(model.parameters()).device
    on_device = batch.to(device)
    with autocast(device, settings.mixed_precision):
        scores_BK: Tensor = model(normalise(on_device.clips_BCTHW))
    scores_BK = scores_BK.float()
    loss = F.cross_entropy(scores_BK, on_device.labels_B, label_smoothing=settings.label_smoothing)
    value = loss.item()
    if not math.isfinite(value):
        raise RunError(
            f"{place}: the loss of {model.network.space} is {value}; its clips: {_named(batch, source)}",
            help="start a new run with a lower learning_rate or a longer warm-up; weights up to the last "
            "checkpoint are kept",
        )
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    optimiser.step()
    num_clips = len(batch.labels_B)
    num_right = int((scores_BK.argmax(1) == on_device.labels_B).sum())
    return EpochTotals(value * num_clips, num_right, num_clips)


def statistics_clips(source: TrainingClips, settings: TrainSettings, device: torch.device) -> Iterator[Tensor]:
    """`precise_norm_batches` normalised batches of training clips, from the epochs after the last one."""
    left, epoch = settings.precise_norm_batches, settings.epochs
    while left > 0:
        for batch in source.batches(epoch):
            yield normalise(batch.clips_BCTHW.to(device, non_blocking=True))
            left -= 1
            if left == 0:
                return
        epoch += 1


def _named(batch: Batch, source: TrainingClips) -> str:
    indices = batch.indices_B.tolist()
    names = ", ".join(str(source.dataset.records[index].path) for index in indices[:NUM_NAMED_CLIPS])
    more = len(indices) - NUM_NAMED_CLIPS
    return f"{names} and {more} more" if more > 0 else names
