"""tsdsl: a declarative language and compiler for searching two-stream video models."""

__version__ = "0.1.0"
