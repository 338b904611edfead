"""`printable`: text that a terminal shows and does not obey. `utf_8`: a file's name as a text can hold it."""

from __future__ import annotations

import re

COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, those that turn the direction of a line around, and bytes of file names that are not UTF-8."""


def printable(text: str) -> str:
    """The text, with JSON's escapes for what a terminal would obey or cannot encode: `\\u001b`."""
    return COMMANDS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def utf_8(name: str) -> str:
    r"""The name of a file, with each byte that is not UTF-8 as `\xff`."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")
