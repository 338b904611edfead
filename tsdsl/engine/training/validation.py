"""BN statistics for a validation in the middle of a run, which leaves the run's own as they were."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from tsdsl.engine.device import autocast
from tsdsl.engine.recipe import TrainSettings
from tsdsl.lowering.model import Model, recalibrate


@contextmanager
def with_precise_norms(model: Model, clips: Iterator[Tensor], settings: TrainSettings) -> Iterator[None]:
    """Within it, BN statistics are averages over `clips`; afterwards they are the running ones again."""
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    try:
        if settings.precise_norm_batches:
            device = next(model.parameters()).device
            with autocast(device, settings.mixed_precision):
                recalibrate(model, clips)
        yield
    finally:
        with torch.no_grad():
            for name, buffer in model.named_buffers():
                buffer.copy_(before[name])
