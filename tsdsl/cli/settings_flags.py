"""Settings given as `NAME=VALUE`, and the list of those there are."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from tsdsl.cli.console import facts
from tsdsl.errors import UsageError


def parsed_settings(texts: list[str]) -> dict[str, Any]:
    """`["alpha_lr=0.1", "score=likelihood"]` as a mapping; values are JSON, or else plain text.

    Raises:
        UsageError: one has no `=` or is given twice.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, equal, value = text.partition("=")
        if not equal or not name.strip():
            raise UsageError(f"--set {text}: is not NAME=VALUE", help="for instance --set alpha_lr=0.1")
        if name.strip() in found:
            raise UsageError(f"--set {text}: {name.strip()} is given twice", help="give it once")
        try:
            found[name.strip()] = json.loads(value)
        except json.JSONDecodeError:
            found[name.strip()] = value.strip()
    return found


def describe_settings(settings: type[BaseModel]) -> None:
    """Print every setting with its default and where that comes from."""
    console = facts()
    for name, field in settings.model_fields.items():
        console.print(f"[bold]{name}[/bold] = {json.dumps(field.get_default())}")
        console.print("    " + " ".join((field.description or "").split()), markup=False)
