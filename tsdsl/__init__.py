"""tsdsl: a declarative language and compiler for searching two-stream video models.

    space = tsdsl.load("std:auto_tsnet")
    architecture = next(space.sample(most_macs=4_000_000_000))
    scores = tsdsl.supernet(space)(clips, architecture)     # weights shared by all architectures
    network = tsdsl.model(space, architecture)              # a plain PyTorch module
    result = tsdsl.search(space, data="clips", run="runs/mine")
    found = tsdsl.predict("runs/mine/train", "video.mp4")   # classes by name, with scores

Importing it imports neither torch nor pydantic; what needs them imports them when it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tsdsl.api import load, model, supernet
from tsdsl.space.model import Space

if TYPE_CHECKING:
    from tsdsl.artifacts.predict import predict as predict
    from tsdsl.engine.callbacks import Callback as Callback
    from tsdsl.searching import search as search
    from tsdsl.space.architecture import Architecture as Architecture

__version__ = "0.1.0"

__all__ = ["Architecture", "Callback", "Space", "__version__", "load", "model", "predict", "search", "supernet"]


def __getattr__(name: str) -> Any:
    if name == "search":
        from tsdsl.searching import search

        return search
    if name == "Callback":
        from tsdsl.engine.callbacks import Callback

        return Callback
    if name == "predict":
        from tsdsl.artifacts.predict import predict

        return predict
    if name == "Architecture":
        from tsdsl.space.architecture import Architecture

        return Architecture
    raise AttributeError(f"module 'tsdsl' has no attribute {name!r}")
