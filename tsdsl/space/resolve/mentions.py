"""Which names a space mentions anywhere, whether or not what mentions them could be resolved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass

from tsdsl.syntax import ast

_LEAVES = (ast.Name, ast.Number, ast.KernelSize, ast.Factor, ast.Text, ast.Quantity)
_PARTS: Mapping[type, tuple[str, ...]] = {
    kind: tuple(field.name for field in fields(kind) if field.name not in ("span", "broken"))
    for kind in vars(ast).values()
    if isinstance(kind, type) and is_dataclass(kind) and kind not in _LEAVES
}


def has_gaps(node: object) -> bool:
    """Whether anything in it could not be read."""
    return any(getattr(part, "broken", False) for part in _nodes(node))


def mentions(node: object) -> set[str]:
    """Every bare name used as a value, and the name of every operator or block that is called."""
    found: set[str] = set()
    for part in _nodes(node):
        if isinstance(part, ast.Selector):
            if part.bare_name is not None:
                found.add(part.bare_name)
        elif isinstance(part, ast.Call):
            found.add(part.name.text)
    return found


def _nodes(root: object) -> Iterator[object]:
    """A tree's nodes but for its leaves, and nothing inside a selector."""
    pending = [root]
    while pending:
        node = pending.pop()
        if isinstance(node, tuple):
            pending.extend(node)
            continue
        parts = _PARTS.get(type(node))
        if parts is not None:
            yield node
            if not isinstance(node, ast.Selector):
                pending.extend([getattr(node, name) for name in parts])
