"""Counts the memory that a computation on the CPU holds: all of it, and what it saves for the backward pass."""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveBytes(TorchDispatchMode):
    """Within it, `peak` is the most bytes alive at one time of the storages that operators made."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self._alive = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
        before = {leaf.untyped_storage()._cdata for leaf in tree_leaves((arguments, named)) if isinstance(leaf, Tensor)}
        found = function(*arguments, **(named or {}))
        for leaf in tree_leaves(found):
            if isinstance(leaf, Tensor):
                storage = leaf.untyped_storage()
                if storage._cdata not in self._known | before:
                    self._add(storage)
        return found

    def _add(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        self._known.add(key)
        self._alive += size
        self.peak = max(self.peak, self._alive)
        weakref.finalize(storage, self._remove, key, size)

    def _remove(self, key: int, size: int) -> None:
        self._known.discard(key)
        self._alive -= size


class SavedBytes:
    """Within it, `peak` is the most bytes saved for backward passes at one time."""

    def __init__(self) -> None:
        self.peak = 0
        self._alive = 0
        self._hooks = torch.autograd.graph.saved_tensors_hooks(self._pack, self._unpack)

    def __enter__(self) -> SavedBytes:
        self._hooks.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._hooks.__exit__(*error)

    def _pack(self, tensor: Tensor) -> _Saved:
        return _Saved(self, tensor)

    def _unpack(self, saved: _Saved) -> Tensor:
        return saved.tensor

    def change(self, num_bytes: int) -> None:
        """So many more bytes are saved."""
        self._alive += num_bytes
        self.peak = max(self.peak, self._alive)


class _Saved:
    """A saved tensor, counted as long as it is."""

    def __init__(self, count: SavedBytes, tensor: Tensor) -> None:
        self.tensor = tensor
        count.change(tensor.nbytes)
        weakref.finalize(self, count.change, -tensor.nbytes)
