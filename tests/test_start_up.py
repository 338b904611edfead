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
atexit.register(lambda: print("loaded:", *sorted({"torch", "av"} & set(sys.modules))))
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
    assert (done.returncode, loaded) == (0, "loaded:"), done.stderr
    assert shown or done.stderr or arguments[:1] == ["fmt"]
