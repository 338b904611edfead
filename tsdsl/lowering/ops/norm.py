"""Batch normalisation with the statistics of the batch, and the constants that all networks share.

Shapes: B clips, C channels, T frames, H rows, W columns.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

EPSILON = 1e-5
MOMENTUM = 0.1


def batch_statistics(name: str, x_BCTHW: Tensor, weight_C: Tensor, bias_C: Tensor) -> Tensor:
    """Normalised by the mean and variance of this batch, in training and evaluation alike.

    What a supernet uses: running statistics of different architectures must not be mixed.
    """
    return F.batch_norm(x_BCTHW, None, None, weight_C, bias_C, training=True, eps=EPSILON)
