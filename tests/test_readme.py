"""What the README shows is true: its examples run, its numbers are those of the code."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import tsdsl
from tsdsl.check.check import check
from tsdsl.cli.main import run
from tsdsl.diagnostics.render import rich_text
from tsdsl.source import SourceFile
from tsdsl.syntax.formatter import format_text

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def fences(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_space_checks_clean_and_is_canonical() -> None:
    (text,) = fences("tsspace")
    source = SourceFile("small.tsspace", text)
    assert check(source).diagnostics == ()
    assert format_text(source) == text


def test_the_error_shown_is_the_one_that_check_prints() -> None:
    (text,) = fences("tsspace")
    (shown,) = fences("text")
    source = SourceFile("small.tsspace", text.replace("target = 150 MFLOPs", "target = 20 MFLOPs"))
    (diagnostic,) = check(source).diagnostics
    assert rich_text(diagnostic).plain.rstrip() == shown.rstrip()


def test_the_python_example_runs() -> None:
    (code,) = fences("python")
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_sizes_are_the_counted_ones(auto_tsnet: tsdsl.Space) -> None:
    sizes = [auto_tsnet.count_architectures(step.decisions) for step in auto_tsnet.steps]
    for size in (*sizes, auto_tsnet.cardinality):
        assert f"{size:,}" in README


def test_every_command_shown_has_the_options_shown(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line.split("#")[0].strip() for block in fences("bash") for line in block.splitlines()]
    shown = [line.split() for line in lines if line.startswith("tsdsl ")]
    assert len(shown) >= 10
    for words in shown:
        command = words[1:3] if words[1] == "data" else words[1:2]
        assert run([*command, "--help"]) == 0
        text = capsys.readouterr().out
        for option in (word for word in words if word.startswith("-")):
            assert option in text


def test_links_lead_to_files() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
