"""The page of the commonest mistakes, with pictures of what `tsdsl check` prints, made by running it.

    python tests/generate/mistake_pictures.py

writes tsdsl/docs/mistakes.md and tsdsl/docs/pictures/mistakes/*.svg; a test compares them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme

import tsdsl
from tsdsl.check.check import check
from tsdsl.diagnostics.render import render_rich
from tsdsl.source import SourceFile
from tsdsl.syntax.recovery.mistakes import mistakes

DOCS = Path(tsdsl.__file__).parent / "docs"
PICTURES = "pictures/mistakes"
COLUMNS = 108

RIGHT = """tsspace 1

space small {
  classes = 10
  size    = 56

  domain temporal = {1, 3, 5}
  block mb = mbconv3d(t = temporal, k = {3, 5}, expansion = 2)

  stream slow {
    frames = 4
    stage 0 { group conv3d(kernel = 1x3x3, channels = 16, stride = 2) }
    stage 1 { group mb(channels = 32 .. 48 by 8, stride = 2) * 3 }
    stage 2 { group mb(channels = {48, 64}) }
  }
  stream fast {
    frames = 16
    stage 0 { group conv3d(kernel = 5x3x3, channels = 4, stride = 2) }
    stage 1 { group mb(channels = {4, 8}, stride = 2) }
    stage 2 { group mb(channels = 8) }
  }
  fusion fast -> slow {
    after = stage[0..1].group[1]
    op    = {none, time_strided_conv}
    merge = concat
  }
  step 1 "slow" { search = slow  target = 60 MFLOPs }
  step 2 "fast" { search = fast, fusion  target = 90 MFLOPs }
}
"""


@dataclass(frozen=True)
class Mistake:
    """One mistake: what is changed in the right text, and what to say of it."""

    name: str
    title: str
    right: str
    wrong: str
    text: str


MISTAKES: Sequence[Mistake] = (
    Mistake(
        "misspelt",
        "A misspelt attribute",
        "channels = {48, 64}",
        "chanels = {48, 64}",
        "The similar name is found, and `--fix` writes it. The value is checked all the same.",
    ),
    Mistake(
        "unknown_name",
        "A name that nothing declares",
        "t = temporal",
        "t = temproal",
        "One mistake is one message, although four groups use the block.",
    ),
    Mistake(
        "parenthesis",
        "A parenthesis that is never closed",
        "channels = 16, stride = 2) }",
        "channels = 16, stride = 2 }",
        "The rest of the file is read as if it were closed.",
    ),
    Mistake(
        "off_grid",
        "A range whose steps miss its end",
        "32 .. 48 by 8",
        "32 .. 50 by 8",
        "Both ends of a range are included, so the end must be met.",
    ),
    Mistake("even_kernel", "An even kernel", "k = {3, 5}", "k = {3, 4}", "Only the value that is even is underlined."),
    Mistake(
        "frames",
        "Frames that do not divide each other",
        "frames = 16",
        "frames = 18",
        "Both places are shown, and the nearest numbers that fit.",
    ),
    Mistake(
        "sizes",
        "Streams of different sizes where they are joined",
        "stage 1 { group mb(channels = {4, 8}, stride = 2) }",
        "stage 1 { group mb(channels = {4, 8}) }",
        "The size of each stream is written at its source.",
    ),
    Mistake(
        "widths",
        "Widths that differ where they are summed",
        "op    = {none, time_strided_conv}\n    merge = concat",
        "op    = {none, time_to_channel}\n    merge = sum",
        "Found for every choice at once, without building a model.",
    ),
    Mistake(
        "budget",
        "A budget that no architecture can meet",
        "target = 60 MFLOPs",
        "target = 6 MFLOPs",
        "The smallest cost is exact, and the note names an architecture that has it.",
    ),
    Mistake(
        "decided_twice",
        "A decision that two steps make",
        "search = fast, fusion",
        "search = slow.stage[2], fast, fusion",
        "The step that has it already is pointed at.",
    ),
)

BLACK, RED, GREEN, YELLOW = (36, 41, 47), (207, 34, 46), (17, 99, 41), (149, 99, 0)
BLUE, MAGENTA, CYAN, GREY = (5, 80, 174), (130, 80, 223), (27, 124, 131), (87, 96, 106)
THEME = TerminalTheme((255, 255, 255), BLACK, [BLACK, RED, GREEN, YELLOW, BLUE, MAGENTA, CYAN, GREY])

# rich's own template, without its window and without a font from the network.
TEMPLATE = """<svg viewBox="0 0 {terminal_width} {terminal_height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
font-size: {char_height}px; line-height: {line_height}px; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}</defs>
<rect width="100%" height="100%" rx="6" fill="#ffffff" stroke="#d0d7de"/>
<g transform="translate(9, 9)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g></g>
</svg>
"""


def wrong_text(mistake: Mistake) -> str:
    """The text with its one mistake."""
    assert RIGHT.count(mistake.right) == 1, mistake.right
    return RIGHT.replace(mistake.right, mistake.wrong)


def picture(mistake: Mistake) -> str:
    """What `tsdsl check` prints of a mistake, as SVG with real text."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True, highlight=False)
    render_rich(check(SourceFile("small.tsspace", wrong_text(mistake))).diagnostics, console)
    svg = console.export_svg(code_format=TEMPLATE, theme=THEME, unique_id=mistake.name)
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def page() -> str:
    """The page in Markdown."""
    parts = [
        "# Ten common mistakes\n",
        "What `tsdsl check` prints of each, in one small space. The pictures are made by running it:\n"
        "`python tests/generate/mistake_pictures.py`. `tsdsl explain CODE` says more. `tsdsl check --fix` corrects\n"
        "what has one reading, and `--suggested` makes the likeliest of several fixes.\n",
    ]
    for number, mistake in enumerate(MISTAKES, 1):
        written = mistake.wrong.replace("\n", " ")
        parts.append(
            f"## {number}. {mistake.title}\n\n`{' '.join(written.split())}`. {mistake.text}\n\n"
            f"![{mistake.title}]({PICTURES}/{mistake.name}.svg)\n"
        )
    parts.append(
        "## Habits of other languages\n\n"
        "These are recognised wherever they are written, each as one error. All are entries of one table in\n"
        "`tsdsl/syntax/recovery`, which this list is made from.\n\n| instead of | write |\n| --- | --- |"
    )
    rows = [(_cell(entry.wrong), _cell(entry.right)) for entry in mistakes() if entry.remedy != "none"]
    parts += [f"| {wrong} | {right} |" for wrong, right in rows]
    return "\n".join(parts) + "\n"


def _cell(text: str) -> str:
    """Code in a cell of a table."""
    escaped = " ".join(text.split()).replace("|", "\\|")
    return f"`` {escaped} ``" if "`" in escaped else f"`{escaped}`"


if __name__ == "__main__":
    folder = DOCS / PICTURES
    folder.mkdir(parents=True, exist_ok=True)
    for one in MISTAKES:
        (folder / f"{one.name}.svg").write_text(picture(one), encoding="utf-8")
    (DOCS / "mistakes.md").write_text(page(), encoding="utf-8")
