"""Reads the state dict in a PyTorch checkpoint of anyone, without running any code in it."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tsdsl.errors import FileError
from tsdsl.files import open_regular

STATE_KEYS = ("model_state", "state_dict")
"""The keys of a state dict in a checkpoint: the one of pytorchvideo and PySlowFast, and the usual one."""

PREFIXES = ("module.", "model.", "_orig_mod.")
"""What DistributedDataParallel, Lightning and torch.compile put before every name."""

MAX_NAMED = 3
_HELP = "give a file that holds a state dict, as `torch.save(model.state_dict(), FILE)` writes it"


def read_published(path: Path) -> dict[str, Tensor]:
    """The state dict in a checkpoint, without prefixes that all its names have.

    Raises:
        FileError: the file is missing, is not a checkpoint of tensors, or has no state dict.
    """
    _refuse_page(path)
    content = _loaded(path)
    for key in STATE_KEYS:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise FileError(f"{path}: holds no state dict", help=_HELP)
    return _without_prefixes({str(name): tensor for name, tensor in content.items()})


def _refuse_page(path: Path) -> None:
    """FileError if a file is a web page, as downloads that ask for a confirmation leave it."""
    with open_regular(path) as file:
        head = file.read(256).lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html")):
        raise FileError(
            f"{path}: is a web page, not a checkpoint",
            help="download the file itself; the page may ask to confirm that",
        )


def _loaded(path: Path) -> Any:
    try:
        # Lightning keeps the options of the command line beside the weights; they are data.
        with torch.serialization.safe_globals([Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror or error})", help="check the path") from error
    except Exception as error:  # the unpickler raises any kind of error on unknown content
        others = _python_objects(path)
        if not others:
            raise FileError(
                f"{path}: is not a PyTorch checkpoint, or is incomplete", help="download it again"
            ) from error
        more = f" and {len(others) - MAX_NAMED} more kinds" if len(others) > MAX_NAMED else ""
        raise FileError(
            f"{path}: is not a PyTorch checkpoint of tensors only: it holds {', '.join(others[:MAX_NAMED])}{more}, "
            "which would run code",
            help=_HELP,
        ) from error


def _python_objects(path: Path) -> list[str]:
    """The names of what a checkpoint would import beside tensors, sorted; nothing is imported."""
    try:
        return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    except Exception:  # as above
        return []


def _without_prefixes(state: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in PREFIXES * len(PREFIXES):
        if state and all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    return state
