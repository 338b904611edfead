"""Migrations: version by version, from a registry that is given, with the version changed by the mechanism."""

from __future__ import annotations

import re

import pytest

from tsdsl.diagnostics import Edit
from tsdsl.errors import UsageError
from tsdsl.source import SourceFile, Span
from tsdsl.space.resolve import resolve
from tsdsl.syntax.migrate import MIGRATIONS, Migration, migrate

OLD = """tsspace 0  # the first try
space s {
  num_classes = 3
  size        = 16
  stream a {
    frames = 2
    stage 0 { group conv3d(kernel = 1x3x3, width = {8, 16}) }
  }
}
"""


def renamed(old: str, new: str) -> Migration:
    def edits(source: SourceFile) -> list[Edit]:
        return [Edit(Span(*m.span()), new) for m in re.finditer(rf"\b{old}\b", source.text)]

    return Migration(0 if old == "num_classes" else 1, f"{old} is now {new}", edits)


def test_a_text_is_brought_to_the_wanted_version() -> None:
    def both(source: SourceFile) -> list[Edit]:
        return [*renamed("num_classes", "classes").edits(source), *renamed("width", "channels").edits(source)]

    migrated = migrate(SourceFile("x", OLD), [Migration(0, "names", both)], 1)
    assert migrated.source.text.startswith("tsspace 1  # the first try\n")
    resolved = resolve(migrated.source)
    assert resolved.diagnostics == ()
    assert resolved.spaces[0].space.classes == 3
    assert migrate(migrated.source, [Migration(0, "names", both)], 1).made == ()


def test_several_versions_are_passed_one_by_one() -> None:
    steps = [renamed("width", "channels"), renamed("num_classes", "classes")]
    migrated = migrate(SourceFile("x", OLD), steps, 2)
    assert [migration.before for migration in migrated.made] == [0, 1]
    assert migrated.source.text.startswith("tsspace 2")
    assert "channels = {8, 16}" in migrated.source.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tsspace 2 space s {}", "expected language version 1, got 2"),
        ("tsspace 0 space s {}", "nothing is known of language version 0"),
        ("space s {}", "names no language version"),
        ("tsspace 1.5", "names no language version"),
        ("tsspace " + "9" * 10_000, "names no language version"),
        ("", "names no language version"),
    ],
)
def test_a_text_that_cannot_be_migrated_says_why(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        migrate(SourceFile("x", text), MIGRATIONS, 1)
