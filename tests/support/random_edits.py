"""Random edits of a text, as somebody makes them who types: right and wrong ones, anywhere, of any size."""

from __future__ import annotations

import re
from random import Random

PIECES = (
    *'{}()[]=,*#"/.;x-+',
    *(
        "//",
        "# ",
        "\n",
        "\r\n",
        " ",
        "\n* 2",
        " * 3",
        "* 1.5",
        "2x",
        "1x3x3",
        "7",
        "0",
        "1e3",
        "-1",
        "..",
        "->",
        "\u00e9",
    ),
    *("group", "stage", "stage 3 {", "stream", "space", "block", "domain", "shared", "head {", "by 8", "stride = 2"),
    "group conv3d(kernel = 1x3x3, channels = 8)",
    "group mb(channels = 24)\n",
    "group mb(channels = {8, 16}) * 2\n",
    "group conv3d(kernel = 3x3x3,\n channels = 8 .. 16 by 4)\n",
    "group mb(channels = wide, # why\n stride = 2)",
    "group mb(channels = 24) // 2\n",
    "block mb = mbconv3d(t = {1, 3}, k = 3, expansion = 2)\n",
    "domain wide = {8, 16}\n",
    "shared wide = {8, 16}\n",
)


def edited(draw: Random, text: str) -> str:
    """The text after one edit."""
    lines = text.split("\n")
    line = draw.randrange(len(lines))
    place, end = draw.randrange(len(text) + 1), draw.randrange(len(lines) + 1)
    match draw.randrange(8):
        case 0:
            return "\n".join(lines[:line] + lines[line + 1 :])
        case 1:
            return "\n".join([*lines[:end], lines[line], *lines[end:]])
        case 2:
            return text[:place] + text[place + draw.choice([1, 1, 2, 20]) :]
        case 3:
            return text[:place] + draw.choice(PIECES) + text[place:]
        case 4:
            tokens = list(re.finditer(r"\w+|[^\w\s]", text)) or [re.compile("").search(text)]
            found = draw.choice(tokens)
            assert found is not None
            return text[: found.start()] + draw.choice(PIECES) + text[found.end() :]
        case 5:
            return "\n".join([*lines[:line], draw.choice(PIECES), *lines[line:]])
        case 6:
            return text.replace("\r\n", "\n") if "\r\n" in text else text.replace("\n", "\r\n")
        case _:
            numbers = list(re.finditer(r"\b\d+\b", text))
            if not numbers:
                return text
            found = draw.choice(numbers)
            return f"{text[: found.start()]}{draw.choice([1, 2, 3, 5, 8, 16])}{text[found.end() :]}"
