"""Checkpoints of a run of several ranks: rank 0 reads and writes them, and sends their content to the others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tsdsl.engine.ranks.ranks import Ranks
from tsdsl.engine.runs.checkpoint import Checkpoint, CheckpointStore


def latest_checkpoint(store: CheckpointStore, ranks: Ranks, device: torch.device | str = "cpu") -> Checkpoint | None:
    """The newest valid checkpoint of rank 0, on every rank; together. See `CheckpointStore.latest`."""
    if ranks.size == 1:
        return store.latest(device)
    found: list[Checkpoint] = []

    def look() -> dict[str, Any] | None:
        checkpoint = store.latest()
        if checkpoint is None:
            return None
        found.append(checkpoint)
        return {
            "path": str(checkpoint.path),
            "iteration": checkpoint.iteration,
            "state": dict(checkpoint.state),
            "log_bytes": dict(checkpoint.log_bytes),
            "notes": list(checkpoint.notes),
        }

    facts = ranks.first(look)
    if facts is None:
        return None
    tensors = ranks.from_first(found[0].tensors if found else None)
    return Checkpoint(
        Path(facts["path"]),
        facts["iteration"],
        {name: tensor.to(device) for name, tensor in tensors.items()},
        facts["state"],
        facts["log_bytes"],
        tuple(facts["notes"]),
    )


def tidy_checkpoints(store: CheckpointStore, ranks: Ranks, used: Checkpoint | None) -> list[str]:
    """Remove on rank 0 the remains of a kill beside the checkpoint that is used, if any; together.

    Returns what the user must know of both.
    """
    notes, iteration = ((), 0) if used is None else (used.notes, used.iteration)
    return [*notes, *ranks.first(lambda: store.tidy(iteration))]


def save_checkpoint(
    store: CheckpointStore, ranks: Ranks, tensors: Mapping[str, Tensor], state: Mapping[str, Any], iteration: int
) -> None:
    """Write a checkpoint on rank 0, once all ranks have the same tensors; together. See
    `CheckpointStore.save`.

    Raises:
        RunError: the ranks have different numbers.
    """
    ranks.require_same(tensors, f"{store.folder}: iteration {iteration}")
    ranks.first(lambda: str(store.save(tensors, state, iteration)))
