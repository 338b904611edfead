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
from tsdsl.engine.ranks.ranks import ALONE, Ranks
from tsdsl.engine.recipe import TrainSettings
from tsdsl.engine.training_data import TrainingClips, named_clips
from tsdsl.errors import RunError, UsageError
from tsdsl.lowering.model import Model


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
        """Mean cross-entropy per clip."""
        return self.loss_sum / max(self.num_clips, 1)

    @property
    def top1(self) -> float:
        """Fraction of correctly classified clips."""
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
    ranks: Ranks = ALONE,
    *,
    what: str = "the network",
) -> EpochTotals:
    """One step of SGD on a batch made of the shares of all ranks; together.

    Gradients are of the mean loss over the whole batch, as are the totals. `place` and `what` name the run and the
    architecture in an error.

    Raises:
        RunError: the loss is not finite; this batch changes no weight.
    """
    device = next(model.parameters()).device
    on_device = batch.to(device)
    counts = ranks.gather(len(batch.labels_B))
    num_parts = _num_parts(counts, settings)
    optimiser.zero_grad(set_to_none=True)
    told: list[Tensor] = []
    parts = zip(on_device.clips_BCTHW.tensor_split(num_parts), on_device.labels_B.tensor_split(num_parts), strict=True)
    for clips_BCTHW, labels_B in parts:
        with autocast(device, settings.mixed_precision):
            scores_BK: Tensor = model(normalise(clips_BCTHW))
        scores_BK = scores_BK.float()
        loss = F.cross_entropy(scores_BK, labels_B, label_smoothing=settings.label_smoothing, reduction="sum")
        # Regardless of its value, because the other ranks need this one in the backward pass of BN.
        (loss / sum(counts)).backward()
        num_right = (scores_BK.argmax(1) == labels_B).sum()
        told.append(torch.stack([loss.detach(), num_right.to(loss.dtype)]))
    # Read once, after all work of the step except the update was sent to the device.
    read = torch.stack(told).tolist()
    own = EpochTotals(sum(loss for loss, _ in read), round(sum(right for _, right in read)), len(batch.labels_B))
    shares = [EpochTotals(**share) for share in ranks.gather(own.to_json())]
    totals = sum(shares, EpochTotals())
    if not math.isfinite(totals.loss_sum):
        bad = not math.isfinite(own.loss_sum)
        named = [names for names in ranks.gather(named_clips(batch, source.dataset) if bad else None) if names]
        raise RunError(
            f"{place}: the loss of {what} is {totals.loss}; its clips: {'; '.join(named)}",
            help="start a new run with a lower learning_rate or a longer warm-up; weights up to the last "
            "checkpoint are kept",
        )
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    ranks.sum(gradients)
    if settings.gradient_norm is not None:
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.gradient_norm)
    optimiser.step()
    return totals


def _num_parts(counts: list[int], settings: TrainSettings) -> int:
    """The number of parts of each share.

    Raises:
        UsageError: a rank has fewer clips than parts.
    """
    if settings.clips_per_forward is None:
        return 1
    num_parts = math.ceil(max(counts) / settings.clips_per_forward)
    if num_parts > min(counts):
        raise UsageError(
            f"clips_per_forward = {settings.clips_per_forward} would split {min(counts)} clips into {num_parts} parts",
            help="give a larger clips_per_forward, or a batch_size that is a multiple of the number of processes",
        )
    return num_parts


def statistics_clips(source: TrainingClips, settings: TrainSettings, device: torch.device) -> Iterator[Tensor]:
    """`precise_norm_batches` normalised batches of training clips, from epochs after the last."""
    left, epoch = settings.precise_norm_batches, settings.epochs
    while left > 0:
        for batch in source.batches(epoch):
            yield normalise(batch.clips_BCTHW.to(device, non_blocking=True))
            left -= 1
            if left == 0:
                return
        epoch += 1
