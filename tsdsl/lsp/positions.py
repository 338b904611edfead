"""Positions of the protocol: lines from 0, columns in the code units of the client."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

Encoding: TypeAlias = Literal["utf-8", "utf-16", "utf-32"]
_LINE_END = re.compile(r"\r\n|\n|\r")
_FIRST_ABOVE_16_BITS = "\U00010000"


@dataclass(frozen=True, order=True, slots=True)
class Place:
    """A position of the protocol: `line` and `character` count from 0, characters in code units."""

    line: int
    character: int


@dataclass(frozen=True)
class Positions:
    """Converts between offsets and places of a text. LF, CRLF and CR end lines."""

    text: str
    encoding: Encoding = "utf-16"

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in _LINE_END.finditer(self.text))]

    @cached_property
    def _is_plain(self) -> bool:
        """Whether every character is one code unit."""
        return self.text.isascii() or self.encoding == "utf-32"

    def place(self, offset: int) -> Place:
        """The place of a character offset; past the end, the end."""
        offset = max(0, min(offset, len(self.text)))
        if self.text[max(0, offset - 1) : offset + 1] == "\r\n":
            offset -= 1  # the protocol has no place within a line end
        line = bisect_right(self._starts, offset) - 1
        start = self._starts[line]
        return Place(line, offset - start if self._is_plain else self._units(self.text[start:offset]))

    def offset(self, place: Place) -> int:
        """The character offset of a place; past the end of a line, the end of the line."""
        if place.line >= len(self._starts):
            return len(self.text)
        start = self._starts[place.line]
        end = self._starts[place.line + 1] if place.line + 1 < len(self._starts) else len(self.text)
        while end > start and self.text[end - 1] in "\r\n":
            end -= 1
        if self._is_plain:
            return min(start + place.character, end)
        units = 0
        for offset in range(start, end):
            units += self._units(self.text[offset])
            if units > place.character:
                return offset
        return end

    def _units(self, text: str) -> int:
        if self.encoding == "utf-8":
            return len(text.encode("utf-8", "surrogatepass"))
        if self.encoding == "utf-16":
            return len(text) + sum(character >= _FIRST_ABOVE_16_BITS for character in text)
        return len(text)
