"""One sample's passes over a batch: in parts where memory asks for it, towards labels or another sample's scores.

Shapes: B clips, C channels, T frames, H rows, W columns, N classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from tsdsl.engine.device import autocast
from tsdsl.lowering.supernet import Leaves, Supernet
from tsdsl.searching.settings import SearchSettings


def log_losses(scores_BN: Tensor, labels_B: Tensor) -> Tensor:
    """-log p(y|x) of each clip."""
    return F.cross_entropy(scores_BN.float(), labels_B, reduction="none")


def learn(
    supernet: Supernet,
    leaves: Leaves,
    clips_BCTHW: Tensor,
    labels_B: Tensor,
    settings: SearchSettings,
    teacher_BN: Tensor | None = None,
) -> Tensor:
    """Scores B x N of a sample, without history; its leaves then hold the gradients of the mean loss.

    The loss is cross-entropy with the labels, smoothed by `label_smoothing`; or with the softmax of the teacher's
    scores where there is one (in-place distillation, BigNAS).
    """
    scores = []
    for part in _parts(len(labels_B), settings.clips_per_forward):
        with autocast(clips_BCTHW.device, settings.mixed_precision):
            part_scores_BN = supernet.run(clips_BCTHW[part], leaves)
        if teacher_BN is None:
            smoothing = settings.label_smoothing
            loss = F.cross_entropy(part_scores_BN.float(), labels_B[part], reduction="sum", label_smoothing=smoothing)
        else:
            taught_BN = teacher_BN[part].float().softmax(1)
            loss = F.cross_entropy(part_scores_BN.float(), taught_BN, reduction="sum")
        # By the whole batch's size, so that the learning rate means the same at every batch size and in parts.
        (loss / len(labels_B)).backward()  # type: ignore[no-untyped-call]
        scores.append(part_scores_BN.detach())
    return scores[0] if len(scores) == 1 else torch.cat(scores)


@torch.no_grad()
def scored(run: Callable[[Tensor], Tensor], clips_BCTHW: Tensor, settings: SearchSettings) -> Tensor:
    """Scores B x N that `run` gives, computed in the same parts as when training."""
    scores = []
    for part in _parts(len(clips_BCTHW), settings.clips_per_forward):
        with autocast(clips_BCTHW.device, settings.mixed_precision):
            scores.append(run(clips_BCTHW[part]))
    return scores[0] if len(scores) == 1 else torch.cat(scores)


@torch.no_grad()
def limit_norm(gradients: Sequence[Tensor], largest: float | None) -> None:
    """Scale gradients down so that the L2 norm of all together is at most `largest`; None leaves them."""
    if largest is None or not gradients:
        return
    factor = (largest / (torch.nn.utils.get_total_norm(gradients) + 1e-6)).clamp(max=1.0)
    torch._foreach_mul_(list(gradients), factor)


def _parts(num_clips: int, clips_per_forward: int | None) -> Iterator[slice]:
    """The batch as the fewest, nearly equal parts of at most `clips_per_forward` clips."""
    num_parts = 1 if clips_per_forward is None else math.ceil(num_clips / clips_per_forward)
    bounds = [num_clips * number // num_parts for number in range(num_parts + 1)]
    yield from map(slice, bounds, bounds[1:])
