"""Draws the pictures of the README and the docs again.

`python tests/generate/documentation_pictures.py` does so, from the top folder.

A picture has beside it, in the text, the command that draws it, as `tsdsl render ... -o tsdsl/docs/pictures/NAME`.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tsdsl.cli.main import run

ROOT = Path(__file__).parent.parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "tsdsl" / "docs").rglob("*.md")))
COMMAND = re.compile(r"`tsdsl (render [^`]*-o tsdsl/docs/pictures/[^`]*)`")


def picture_commands() -> list[str]:
    """The commands that draw the pictures of all pages, without `tsdsl`, each once."""
    return list(dict.fromkeys(c for page in PAGES for c in COMMAND.findall(page.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    sys.exit(max(run(command.split()) for command in picture_commands()))
