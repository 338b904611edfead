"""What an entry of the table of mistakes is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tsdsl.syntax.recovery.writers import Writer

Remedy = Literal["safe", "suggested", "none"]


@dataclass(frozen=True, slots=True)
class Mistake:
    """A likely mistake: what it looks like, what was meant, how it is worded, and an example.

    `wrong` and `right` are the example. `pattern` (see `match`) says what it looks like, with a token that was not
    expected among what it matches, at which the parser accepts all kinds of `expects` and none of `excludes`.
    `write` is what was meant: a template of what the pattern captures, or one of `writers`, which the table names under
    `writer`. The parser continues as if it had been written; without it, it continues after the match. Templates know
    {found}, {written} (the first reading), {got} (the token that was not expected) and {expected}.

    A `safe` remedy can never change a legal meaning, as what it replaces has none, and has no other likely reading.
    """

    wrong: str
    right: str
    pattern: str
    message: str
    write: str | Writer | None = None
    help: str = ""
    label: str = "not expected here"
    remedy: Remedy = "safe"
    expects: str = ""
    excludes: str = ""


def filled(template: str, parts: Mapping[str, str]) -> str:
    """A template with its parts in their places; other braces stay as they are."""
    return re.sub(r"\{([a-z]+)\}", lambda name: parts.get(name[1], name[0]), template)
