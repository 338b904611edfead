"""Mistakes that are planted into right texts, each on a line of its own, with the code that tells of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Kind:
    """A kind of mistake: where it can be planted in a line, what is written instead, and the code it has."""

    name: str
    pattern: str
    instead: str
    code: str


KINDS: Sequence[Kind] = (
    Kind("misspelt attribute", r"([(,] ?)channels( = )", r"\1chanels\2", "TS105"),
    Kind("misspelt attribute of a statement", r"^(\s*)(frames|after|search)( +=)", r"\1\2x\3", "TS105"),
    Kind("two equals signs", r"^(\s*\w+ +)=( )", r"\1= =\2", "TS002"),
    Kind("unknown character", r"^(.*[0-9a-z])$", r"\1 ;", "TS001"),
    Kind("even kernel", r"\b(t|k) = \d", r"\1 = 4", "TS205"),
    Kind("no channels", r"\bchannels = \d+(?=[,)])", "channels = 0", "TS202"),
    Kind("unknown operator", r"\bgroup (conv3d|mbconv3d)\(", "group convolution(", "TS101"),
    Kind("repeated value", r"\bchannels = \{(\d+), ", r"channels = {\1, \1, ", "TS203"),
    Kind("off-grid range", r"(\d+) \.\. (\d+) by \d+", r"\1 .. \2 by 7", "TS204"),
    Kind("backward range", r"(\d+) \.\. (\d+) by", r"\2 .. \1 by", "TS203"),
    Kind("missing parenthesis", r"^(\s*group .*)\)( \* \d+)?$", r"\1\2", "TS002"),
    Kind("unknown stream", r"\bfusion (\w+) ->", "fusion nowhere ->", "TS101"),
    Kind("selects nothing", r"(after +=.*stage)\[\d+\]", r"\1[77]", "TS306"),
    Kind("no unit", r"(target +=) ([0-9.]+) [MG]FLOPs", r"\1 \2", "TS201"),
    Kind("text for a number", r"\b(classes +=) (\d+)", r'\1 "many"', "TS201"),
    Kind("stride written as a kernel", r"\bstride = \d", "stride = 1x2x2", "TS201"),
    Kind("unclosed title", r'(step \d+ "[^"]*)"', r"\1", "TS001"),
    Kind("missing attribute", r"^(.*\b(?:group|block) .*)\bexpansion = (\{[^}]*\}|[0-9.]+), ", r"\1", "TS106"),
    Kind("unknown domain", r"\bchannels = \d+(?=[,)])", "channels = widths_of_nothing", "TS101"),
    Kind("unknown keyword", r"\bact = swish", "act = swash", "TS201"),
    Kind("a fraction of a frame", r"\bframes( +=) \d+", r"frames\1 2.5", "TS201"),
    Kind("a huge number", r"\b(epochs|features)( +=) \d+", r"\1\2 1e40", "TS202"),
    Kind("unknown merge", r"\bmerge( +=) \w+", r"merge\1 product", "TS201"),
    Kind("unknown model", r"\b(model \w+ from) \w+", r"\1 nothing", "TS101"),
    Kind("kernel for a number", r"\bk = \d", "k = 3x3x3", "TS201"),
    Kind("fixed at what it lacks", r"^(\s*fix .*\.channels =) \d+$", r"\1 7777", "TS207"),
    Kind("fix of nothing", r"^(\s*(?:fix|free|require) \w+)\.stage\[\d+\]", r"\1.stage[77]", "TS306"),
    Kind("misspelt base", r"^(space \w+ from \w+) \{", r"\1x {", "TS101"),
    Kind("leaves out nothing", r"\b(without +=) attention$", r"\1 attentions", "TS306"),
    Kind("no relation", r"^(\s*require .*) [<>]= ", r"\1 = ", "TS002"),
    Kind("nothing shared", r"\b(shared \w+ +=) \{[^}]*\}", r"\1 {}", "TS203"),
    Kind("shared in a choice", r"\b(channels =) (width|common)\b", r"\1 {\2, 24}", "TS104"),
    Kind("number for a kernel", r"\bkernel = \dx\dx\d", "kernel = 3", "TS201"),
)


@dataclass(frozen=True)
class Planted:
    """A text with mistakes: on which line which kind stands."""

    text: str
    mistakes: dict[int, Kind]


def plant(text: str, number: int, draw: Random) -> Planted:
    """`number` mistakes of random kinds on different lines, or as many as find a place."""
    lines = text.split("\n")
    mistakes: dict[int, Kind] = {}
    for _ in range(20 * number):
        if len(mistakes) == number:
            break
        kind = draw.choice(KINDS)
        places = [i for i, line in enumerate(lines) if i not in mistakes and re.search(kind.pattern, line)]
        if places:
            place = draw.choice(places)
            lines[place] = re.sub(kind.pattern, kind.instead, lines[place], count=1)
            mistakes[place] = kind
    return Planted("\n".join(lines), {place + 1: kind for place, kind in mistakes.items()})
