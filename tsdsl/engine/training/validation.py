"""BN statistics for a validation during a run, without changing those of the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from tsdsl.engine.device import autocast
from tsdsl.engine.recipe import TrainSettings
from tsdsl.lowering.model import Model, recalibrate


@contextmanager
def with_precise_norms(
    model: Model, clips: Iterator[Tensor], settings: TrainSettings, known: dict[str, Tensor] | None = None
) -> Iterator[dict[str, Tensor]]:
    """A context in which BN statistics are averages over `clips`; or those of `known`, which such a context gave."""
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    try:
        if known is not None:
            _put(model, known)
        elif settings.precise_norm_batches:
            device = next(model.parameters()).device
            with autocast(device, settings.mixed_precision):
                recalibrate(model, clips)
        yield {name: buffer.clone() for name, buffer in model.named_buffers()}
    finally:
        _put(model, before)


@torch.no_grad()
def _put(model: Model, buffers: dict[str, Tensor]) -> None:
    for name, buffer in model.named_buffers():
        buffer.copy_(buffers[name])
