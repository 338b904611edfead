"""What one sample did on a batch, brought from the device without holding up what the device does next.

Shapes: B clips, N classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tsdsl.searching.distribution.importance import Reduction, likelihood_score


@dataclass(frozen=True)
class Outcome:
    """What one sample did on a batch: its score for the weights, its mean loss and its accuracy."""

    score: float
    loss: float
    accuracy: float


class OutcomeOnItsWay:
    """A sample's outcome in one transfer, which begins when the device has computed it.

    Only `read` waits, and on CUDA only for what was enqueued before this was made.
    """

    def __init__(self, loss_B: Tensor, scores_BN: Tensor, labels_B: Tensor) -> None:
        with torch.no_grad():
            right_B = (scores_BN.argmax(1) == labels_B).to(loss_B.dtype)
            told_2B = torch.stack([loss_B.detach(), right_B])
        is_cuda = told_2B.device.type == "cuda"
        # torch puts what it copies from CUDA without waiting into pinned memory.
        self._told_2B = told_2B.to("cpu", non_blocking=is_cuda, copy=True)
        self._copied: torch.cuda.Event | None = None
        if is_cuda:
            self._copied = torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            self._copied.record(torch.cuda.current_stream(told_2B.device))

    def read(self, reduction: Reduction) -> Outcome:
        """The numbers, once they are here."""
        if self._copied is not None:
            self._copied.synchronize()
        loss_B, right_B = self._told_2B
        return Outcome(
            score=likelihood_score(-loss_B, reduction),
            loss=float(loss_B.mean()),
            accuracy=float(right_B.double().mean()),
        )
