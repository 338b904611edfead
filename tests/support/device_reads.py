"""Counts how often a computation would wait for a device, on the CPU, by following what some tensors lead to."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

READS = {"aten::_local_scalar_dense", "aten::nonzero", "aten::equal", "aten::is_nonzero"}
"""Operators that must know values, not shapes alone."""


class DeviceReads(TorchDispatchMode):
    """Within it, `given` and all that is computed from them count as on a device.

    `transfers` are copies to the CPU that were asked for, whose results count as there; `reads` are the
    operators that waited for a value.
    """

    def __init__(self, *given: Tensor) -> None:
        super().__init__()
        self.transfers: list[Tensor] = []
        self.reads: list[str] = []
        self._followed = WeakTensorKeyDictionary(dict.fromkeys(given, True))

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
        named = named or {}
        found = function(*arguments, **named)
        given = [leaf for leaf in tree_leaves((arguments, named)) if isinstance(leaf, Tensor)]
        if not any(tensor in self._followed for tensor in given):
            return found
        name = function._schema.name
        if name in READS:
            self.reads.append(name)
        elif name == "aten::_to_copy" and named.get("device") == torch.device("cpu"):
            self.transfers.append(found)
        else:
            for tensor in tree_leaves(found):
                if isinstance(tensor, Tensor):
                    self._followed[tensor] = True
        return found
