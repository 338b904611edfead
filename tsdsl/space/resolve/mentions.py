"""Which names a space mentions anywhere, whether or not what mentions them could be resolved."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

from tsdsl.syntax import ast


def has_gaps(node: object) -> bool:
    """Whether anything in it could not be read."""
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, tuple):
            pending.extend(current)
        elif is_dataclass(current) and not isinstance(current, type):
            if getattr(current, "broken", False):
                return True
            pending.extend(getattr(current, field.name) for field in fields(current))
    return False


def mentions(node: object) -> set[str]:
    """Every bare name that stands as a value, and every name of an operator or block that is called."""
    found: set[str] = set()
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, ast.Selector) and current.bare_name is not None:
            found.add(current.bare_name)
        elif isinstance(current, tuple):
            pending.extend(current)
        elif is_dataclass(current) and not isinstance(current, type):
            if isinstance(current, ast.Call):
                found.add(current.name.text)
            pending.extend(getattr(current, field.name) for field in fields(current))
    return found
