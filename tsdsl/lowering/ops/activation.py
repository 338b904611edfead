"""Elementwise activations by their name in a space."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from tsdsl.operators.layers import ActivationKind


def activation(x: Tensor, kind: ActivationKind) -> Tensor:
    """ReLU, swish (x * sigmoid(x)), hswish (x * min(max(x + 3, 0), 6) / 6), or for `none` the value itself."""
    if kind == "relu":
        return F.relu(x)
    if kind == "hswish":
        return F.hardswish(x)
    return F.silu(x) if kind == "swish" else x
