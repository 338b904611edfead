"""Commands about spaces, and completion, start without the libraries that search and training need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TINY = Path(__file__).parent.parent / "spaces" / "tiny.tsspace"
RUN = """
import atexit, sys
atexit.register(lambda: print("loaded:", *sorted({"torch", "av", "pydantic", "typer"} & set(sys.modules))))
from tsdsl.cli.main import main
sys.argv[0] = "tsdsl"
main()
"""


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (["--help"], {}),
        (["check", str(TINY)], {}),
        (["fmt", "--check", str(TINY)], {}),
        (["search", "--help"], {}),
        ([], {"_TSDSL_COMPLETE": "complete_bash", "COMP_WORDS": "tsdsl che", "COMP_CWORD": "1"}),
    ],
    ids=["help", "check", "fmt", "help of search", "completion"],
)
def test_what_is_about_spaces_loads_neither_torch_nor_av(arguments: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments], capture_output=True, text=True, env={**os.environ, **environment}
    )
    *shown, loaded = done.stdout.strip().splitlines()
    assert done.returncode == 0, done.stderr
    assert not {"torch", "av"} & set(loaded.split()), loaded
    assert shown or done.stderr or arguments[:1] == ["fmt"]


def test_a_check_without_options_waits_for_no_command_line_and_no_validation() -> None:
    done = subprocess.run([sys.executable, "-c", RUN, "check", str(TINY)], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "loaded:"), done.stderr
    assert "no errors or warnings" in done.stderr


def test_a_check_without_options_says_what_one_with_options_says(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.tsspace"
    wrong.write_text(TINY.read_text().replace("mb(", "mbb(", 1))
    plain, described = (
        subprocess.run([sys.executable, "-m", "tsdsl", "check", *arguments], capture_output=True, text=True)
        for arguments in ([str(wrong), str(TINY)], ["--format", "rich", str(wrong), str(TINY)])
    )
    assert plain.returncode == described.returncode == 1
    assert (plain.stdout, plain.stderr) == (described.stdout, described.stderr)
