"""Migration of texts from older versions of the language, one version at a time.

The language has had one version so far, so `MIGRATIONS` is empty. The version after it adds an entry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tsdsl.diagnostics import Edit
from tsdsl.diagnostics.fix import edited
from tsdsl.errors import UsageError
from tsdsl.source import SourceFile, Span
from tsdsl.syntax.grammar.lexer import lex


@dataclass(frozen=True, slots=True)
class Migration:
    """How a text of version `before` is written in the next version; the version itself is changed besides."""

    before: int
    title: str
    edits: Callable[[SourceFile], Sequence[Edit]]


MIGRATIONS: tuple[Migration, ...] = ()


@dataclass(frozen=True, slots=True)
class Migrated:
    """A text in the wanted version, and the migrations that it took."""

    source: SourceFile
    made: tuple[Migration, ...]


def migrate(source: SourceFile, migrations: Sequence[Migration], wanted: int) -> Migrated:
    """The text in language version `wanted`; the same text where it is in that version already.

    Raises:
        UsageError: it names no version or a newer one, or no migration leads on from its version.
    """
    made: list[Migration] = []
    while True:
        number, place = _version(source)
        if number == wanted:
            return Migrated(source, tuple(made))
        if number > wanted:
            raise UsageError(f"{source.name}: expected language version {wanted}, got {number}", help="update tsdsl")
        following = next((migration for migration in migrations if migration.before == number), None)
        if following is None:
            raise UsageError(
                f"{source.name}: nothing is known of language version {number}",
                help=f"versions are 1 to {wanted}; `tsdsl check` says what is wrong",
            )
        edits = [Edit(place, str(number + 1)), *following.edits(source)]
        source = SourceFile(source.name, edited(source.text, edits))
        made.append(following)


def _version(source: SourceFile) -> tuple[int, Span]:
    """The version that a text names, and where."""
    words = [token for token in lex(source.text) if token.type not in ("WS", "COMMENT")][:2]
    if len(words) == 2 and words[0].type == "TSSPACE" and words[1].value.isascii() and words[1].value.isdigit():
        start = words[1].start_pos or 0
        if len(words[1].value) <= 9:
            return int(words[1].value), Span(start, start + len(words[1].value))
    raise UsageError(
        f"{source.name}: names no language version", help="`tsdsl check --fix` adds the line where it is missing"
    )
