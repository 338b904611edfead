"""What one value of an expression can be, and where it is written."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

from tsdsl.records import dataclass
from tsdsl.source import Span


@dataclass(frozen=True, slots=True)
class Word:
    """A bare name as a value."""

    text: str


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel size as a value, normalised."""

    text: str


Literal: TypeAlias = Decimal | Word | Kernel
Placed: TypeAlias = tuple[Literal, Span]
