"""Source text and positions in it: files, spans, offsets to lines and columns."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property

from tsdsl.records import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of character offsets `[start, end)` in one source file.

    `source` is None in the file that is looked at, and the file itself in an imported one.
    """

    start: int
    end: int
    source: SourceFile | None = None

    def to(self, other: Span) -> Span:
        """The smallest span that covers this one and `other`."""
        return Span(min(self.start, other.start), max(self.end, other.end), self.source)


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a text; line and column count from 1, columns in characters."""

    line: int
    column: int


@dataclass(frozen=True)
class SourceFile:
    """The text of one file and the name it is reported under (a path, or `<stdin>`)."""

    name: str
    text: str

    @cached_property
    def _line_starts(self) -> list[int]:
        starts = [0]
        starts.extend(i + 1 for i, character in enumerate(self.text) if character == "\n")
        return starts

    def position(self, offset: int) -> Position:
        """Line and column of a character offset; offsets past the end give the end."""
        offset = max(0, min(offset, len(self.text)))
        line = bisect_right(self._line_starts, offset)
        return Position(line, offset - self._line_starts[line - 1] + 1)

    def line(self, number: int) -> str:
        """The text of line `number` (from 1) without its line ending."""
        start = self._line_starts[number - 1]
        end = self._line_starts[number] if number < len(self._line_starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n")


def split_lines(text: str) -> list[str]:
    """The lines of a text with their ends. Only a line feed ends a line, unlike in `str.splitlines`."""
    return [line for line in text.replace("\n", "\n\0").split("\0") if line]
