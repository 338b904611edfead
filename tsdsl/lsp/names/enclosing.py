"""The nodes of the syntax tree around a place in a text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import TypeVar

from tsdsl.syntax import ast

T = TypeVar("T")


def enclosing(file: ast.File, offset: int) -> tuple[object, ...]:
    """The nodes that cover an offset, outermost first; nodes that end there do not count."""
    found: list[object] = [file]
    while True:
        inner = next((node for node in _children(found[-1]) if _covers(node, offset)), None)
        if inner is None:
            return tuple(found)
        found.append(inner)


def innermost(nodes: tuple[object, ...], kind: type[T]) -> T | None:
    """The smallest of some nodes of a kind."""
    return next((node for node in reversed(nodes) if isinstance(node, kind)), None)


def _covers(node: object, offset: int) -> bool:
    span = getattr(node, "span", None)
    return span is not None and span.source is None and span.start <= offset < span.end


def _children(node: object) -> Iterator[object]:
    """The direct children of a node, including those in tuples."""
    if not is_dataclass(node):
        return
    pending = [getattr(node, field.name) for field in fields(node) if field.name != "span"]
    while pending:
        value = pending.pop()
        if isinstance(value, tuple):
            pending.extend(value)
        elif isinstance(value, ast.File) or hasattr(value, "span"):
            yield value
