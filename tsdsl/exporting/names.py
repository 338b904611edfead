"""Turns names of a space into Python source: identifiers that clash with nothing, and strings without hidden text."""

from __future__ import annotations

import builtins
import json
import keyword
import re
from collections.abc import Collection

from torch import nn

from tsdsl.errors import UsageError

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def is_plain_attribute(name: str) -> bool:
    """Whether a child module can be `owner.name`: not a keyword, an attribute of torch's, or a name Python mangles."""
    return not (keyword.iskeyword(name) or hasattr(nn.Module(), name) or name.startswith("__"))


def attribute(path: str) -> str:
    """The expression, beginning with `self`, of the module under a dotted path."""
    text = "self"
    for name in path.split("."):
        demand_identifier(name)
        text += f".{name}" if is_plain_attribute(name) else f'._modules["{name}"]'
    return text


def free_name(wanted: str, taken: Collection[str]) -> str:
    """`wanted`, with `_` appended until it is neither taken nor a name of Python's own."""
    demand_identifier(wanted)
    while wanted in taken or keyword.iskeyword(wanted) or hasattr(builtins, wanted):
        wanted += "_"
    return wanted


def demand_identifier(name: str) -> None:
    """Raise UsageError unless it is an identifier of the language."""
    if not IDENTIFIER.fullmatch(name):
        raise UsageError(
            f"{name!r} is not a name, so it cannot be written into source code",
            help="names have letters, digits and `_`; compile the space from its .tsspace file again",
        )


def quoted(text: str) -> str:
    """A string literal; characters that cannot be printed or would be invisible are escaped."""
    return json.dumps(text, ensure_ascii=False) if text.isprintable() else repr(text)
