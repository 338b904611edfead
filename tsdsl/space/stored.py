"""Spaces and records read from files: checked by pydantic, which nothing needs that only reads a text."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter

from tsdsl.space.model import Space


class Frozen(BaseModel):
    """Base of all records that are written and read: immutable, and strict about what it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def space_of(data: Mapping[str, Any]) -> Space:
    """A space from what `Space.to_dict` gave, perhaps by way of JSON.

    Raises:
        pydantic.ValidationError: a ValueError; it is no space of this version.
    """
    return _adapter().validate_python(data)


@lru_cache(maxsize=1)
def _adapter() -> TypeAdapter[Space]:
    return TypeAdapter(Space)
