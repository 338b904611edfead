"""tsdsl: a declarative language and compiler for searching two-stream video models."""

from tsdsl.api import load
from tsdsl.space.architecture import Architecture
from tsdsl.space.model import Space

__version__ = "0.1.0"

__all__ = ["Architecture", "Space", "__version__", "load"]
