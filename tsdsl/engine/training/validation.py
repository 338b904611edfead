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
def with_precise_norms(model: Model, clips: Iterator[Tensor], settings: TrainSettings) -> Iterator[None]:
    """A context in which BN statistics are averages over `clips`."""
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
