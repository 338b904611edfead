"""Records read from files: their shape checked strictly by pydantic, which nothing needs that only reads a text."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter

from tsdsl.errors import FileError
from tsdsl.files import first_fault, read_json

T = TypeVar("T")


class FrozenDict(dict[str, Any]):
    """A dictionary that refuses changes, and so can be hashed and shared."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("this mapping cannot be changed; make a changed copy: {**mapping, name: value}")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[type[FrozenDict], tuple[dict[str, Any]]]:
        return FrozenDict, (dict(self),)


class Frozen(BaseModel):
    """Base of all records that are written and read: immutable, and strict about what it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def strictly(shape: type[T], value: Any) -> T:
    """What `value`, which JSON can hold, is as a `shape`. Nothing is converted: neither true nor 1.0 is an integer.

    Raises:
        ValueError: it is not one; `first_fault` names the place.
    """
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    made: T = _adapter(shape).validate_json(text, strict=True)  # type: ignore[arg-type]  # types can be hashed
    return made


def read_record(path: str | Path, shape: type[T], what: str, help: str) -> T:
    """The record in a JSON file; `what` completes "is not ...".

    Raises:
        FileError: the file cannot be read, or is something else; the message has the place in it.
    """
    return record_of(read_json(path, help), shape, f"{path}: is not {what}", help)


def record_of(value: Any, shape: type[T], problem: str, help: str) -> T:
    """The record that a value of a file is; FileError with the problem and the place in the value if it is not one."""
    try:
        return strictly(shape, value)
    except ValueError as error:
        raise FileError(f"{problem} ({first_fault(error)})", help=help) from error


@lru_cache(maxsize=64)
def _adapter(shape: type[T]) -> TypeAdapter[T]:
    return TypeAdapter(shape)
