"""tsdsl: a declarative language and compiler for searching two-stream video models.

    space = tsdsl.load("std:tiny")                          # a file, or a shipped space
    space.count(), space.bounds(), space.within("20M")      # exact facts
    architecture = next(space.sample(within="20MFLOPs"))
    scores = tsdsl.supernet(space)(clips, architecture)     # weights shared by all architectures
    network = tsdsl.model(space, architecture)              # a plain PyTorch module
    searched = tsdsl.search(space, data="clips", run="runs/mine")
    trained = tsdsl.train(searched, data="clips", run="runs/mine/train")
    print(tsdsl.evaluate(trained).top1)
    found = tsdsl.predict(trained, "video.mp4")             # classes by name, with scores
    tsdsl.export(trained, "model.onnx")                     # a file that does not need tsdsl
    network = tsdsl.load_model("runs/mine/train")           # the trained model again
    tsdsl.render(searched, view="figure").save("found.svg")
    tsdsl.diff("old.tsspace", "new.tsspace").breaks

Importing it imports neither torch nor pydantic; what needs them imports them when it is called. Errors are
subclasses of `tsdsl.errors.TsdslError`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tsdsl.engine.callbacks import Callback
    from tsdsl.library.architecture import Architecture
    from tsdsl.library.comparing import diff
    from tsdsl.library.drawing import render
    from tsdsl.library.exporting import export
    from tsdsl.library.loading import load, load_model
    from tsdsl.library.networks import model, supernet
    from tsdsl.library.pictures import Picture
    from tsdsl.library.results import SearchRun, TrainingRun
    from tsdsl.library.runs import evaluate, predict, search, train
    from tsdsl.library.space import Space

__version__ = "0.1.0"

__all__ = [
    "Architecture",
    "Callback",
    "Picture",
    "SearchRun",
    "Space",
    "TrainingRun",
    "__version__",
    "diff",
    "evaluate",
    "export",
    "load",
    "load_model",
    "model",
    "predict",
    "render",
    "search",
    "supernet",
    "train",
]

_HOMES = {
    "Architecture": "tsdsl.library.architecture",
    "Callback": "tsdsl.engine.callbacks",
    "Picture": "tsdsl.library.pictures",
    "SearchRun": "tsdsl.library.results",
    "Space": "tsdsl.library.space",
    "TrainingRun": "tsdsl.library.results",
    "diff": "tsdsl.library.comparing",
    "evaluate": "tsdsl.library.runs",
    "export": "tsdsl.library.exporting",
    "load": "tsdsl.library.loading",
    "load_model": "tsdsl.library.loading",
    "model": "tsdsl.library.networks",
    "predict": "tsdsl.library.runs",
    "render": "tsdsl.library.drawing",
    "search": "tsdsl.library.runs",
    "supernet": "tsdsl.library.networks",
    "train": "tsdsl.library.runs",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'tsdsl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, *globals()]
