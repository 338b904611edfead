"""What torch allocates while a lowered model runs: the independent measure of the bytes of activations."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from tsdsl.lowering import Model
from tsdsl.network.layout import Network


class _LiveStorages(TorchDispatchMode):
    """Adds up the storages of all float tensors that operators return, for as long as each exists."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes_of: dict[int, int] = {}
        self.peak_bytes = 0

    def see(self, tensor: torch.Tensor, num_bytes: int) -> None:
        storage = tensor.untyped_storage()
        if storage._cdata not in self.bytes_of:
            self.bytes_of[storage._cdata] = num_bytes
            weakref.finalize(storage, self.bytes_of.pop, storage._cdata, None)
            self.peak_bytes = max(self.peak_bytes, sum(self.bytes_of.values()))

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        # What else batch normalisation returns are the statistics that it was given, and of pooling, indices.
        made = result[0] if isinstance(result, tuple) else result
        if isinstance(made, torch.Tensor) and made.dtype is torch.float32:
            self.see(made, made.untyped_storage().nbytes())
        return result


class _FusedAttention(TorchFunctionMode):
    """Attention as one operator that stores no scores, which the meta device does not have."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is F.scaled_dot_product_attention:
            return torch.empty_like(args[0])
        return func(*args, **(kwargs or {}))


def measured_peak_bytes(network: Network) -> int:
    """The most bytes of activations that exist at once while torch scores one clip, on the meta device."""
    with torch.device("meta"):
        model = Model(network).eval()
        clip_BCTHW = torch.empty(1, 3, network.frames, network.size, network.size)
    with torch.no_grad(), _FusedAttention(), _LiveStorages() as live:
        for tensor in (*model.parameters(), *model.buffers()):
            live.see(tensor, 0)
        live.see(clip_BCTHW, clip_BCTHW.untyped_storage().nbytes())
        model(clip_BCTHW)
    return live.peak_bytes
