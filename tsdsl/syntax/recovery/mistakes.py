"""The table of likely mistakes: `mistakes.toml` as data."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any

from tsdsl.syntax.recovery.mistake import Mistake
from tsdsl.syntax.recovery.writers import WRITERS


@lru_cache(maxsize=1)
def mistakes() -> tuple[Mistake, ...]:
    """All entries, in the order in which they are tried. Read at the first mistake, as few texts have any."""
    text = files("tsdsl.syntax.recovery").joinpath("mistakes.toml").read_text(encoding="utf-8")
    return tuple(map(_entry, tomllib.loads(text)["mistake"]))


def _entry(fields: dict[str, Any]) -> Mistake:
    writer = fields.pop("writer", None)
    return Mistake(**fields) if writer is None else Mistake(**fields, write=WRITERS[writer])
