"""What the tutorial and the guides show can be copied: commands have the options shown, and all of it runs in order."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import tsdsl
from tsdsl.cli.main import run

DOCS = Path(tsdsl.__file__).parent / "docs"
GUIDES = (DOCS / "tutorial.md", *sorted((DOCS / "guides").glob("*.md")))
FENCE = re.compile(r"^```(bash|sh|python|tsspace)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
OPTION = re.compile(r"(?<=\s)--?[a-z][\w-]*")


def fences(page: Path, *languages: str) -> list[tuple[str, str]]:
    """The language and the text of the fences of a page; those of `sh` need what tests do not have."""
    found = FENCE.findall(page.read_text(encoding="utf-8"))
    return [(language, text) for language, text in found if language in languages]


@pytest.mark.parametrize("page", [DOCS / "index.md", *GUIDES], ids=lambda page: page.stem)
def test_every_command_shown_has_the_options_shown(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line for _, text in fences(page, "bash", "sh") for line in text.splitlines() if line.startswith("tsdsl ")]
    assert lines
    for line in lines:
        words = line.split()
        assert run([*words[1 : 3 if words[1] in ("data", "runs", "weights") else 2], "--help"]) == 0
        text = capsys.readouterr().out
        assert set(OPTION.findall(line)) - set(OPTION.findall(text)) == set(), line


@pytest.mark.nightly
def test_the_guides_run_after_the_tutorial(tmp_path: Path) -> None:
    """In one folder, as a reader would, with the spaces saved under their names."""
    for page in GUIDES:
        for language, text in fences(page, "bash", "python", "tsspace"):
            if language == "tsspace":
                (name,) = re.findall(r"^space (\w+)", text, re.MULTILINE)
                (tmp_path / f"{name}.tsspace").write_text(text, encoding="utf-8")
                continue
            command = ["bash", "-euc", text] if language == "bash" else [sys.executable, "-c", text]
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
            assert done.returncode == 0, f"{page.name}:\n{text}\n{done.stdout}{done.stderr}"
