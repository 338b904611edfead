"""Whether two installations of tsdsl print and draw the same for every shipped space, byte for byte.

    python tests/benchmarks/same_outputs.py BEFORE/bin/python AFTER/bin/python

Each interpreter has one of the two versions installed. For every space in `spaces/` and `examples/` the script compares
`compile --json`, `inspect --json`, `sample --json` (of fixed seeds) and the pictures of `render`, in both themes
and all details. It prints what differs, and exits with 1 where anything does.
"""

from __future__ import annotations

import argparse
import difflib
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PROGRAM = """
import contextlib, io, json, os, sys, tempfile
from pathlib import Path
from tsdsl.cli.main import run

found = {}
with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    for arguments in json.load(sys.stdin):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
            code = run([word for word in arguments if word])
        found[" ".join(arguments)] = f"exit {code}\\n" + printed.getvalue()
        for picture in sorted(Path().glob("*.svg")):
            found[" ".join(arguments)] += picture.read_text()
            picture.unlink()
json.dump(found, sys.stdout)
"""


def commands(file: Path, space: str) -> list[list[str]]:
    """The command lines whose output is compared for one space of a file."""
    which = [str(file), "--space", space]
    drawings = [
        ["render", *which, "--detail", detail, "--theme", theme, "-o", "picture.svg"]
        for detail in ("stage", "group", "block")
        for theme in ("light", "dark")
    ]
    samples = [["sample", *which, "-n", "20", "--seed", str(seed), "--json"] for seed in (0, 1)]
    landscape = ["render", *which, "--view", "landscape", "-o", "picture.svg"]
    return [["compile", *which, "--json"], ["inspect", *which, "--json"], *samples, *drawings, landscape]


def outputs(interpreter: str, wanted: list[list[str]]) -> dict[str, str]:
    """What the tsdsl of an interpreter prints and draws, by command line."""
    done = subprocess.run(
        [interpreter, "-c", PROGRAM], input=json.dumps(wanted), capture_output=True, text=True, check=True, cwd="/"
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", help="a Python interpreter with one version of tsdsl")
    parser.add_argument("after", help="a Python interpreter with the other")
    arguments = parser.parse_args()
    compared, differing = 0, 0
    for file in sorted([*(ROOT / "spaces").glob("*.tsspace"), *(ROOT / "examples").glob("*.tsspace")]):
        lines = file.read_text(encoding="utf-8").splitlines()
        wanted = [command for line in lines if line.startswith("space ") for command in commands(file, line.split()[1])]
        before, after = (outputs(interpreter, wanted) for interpreter in (arguments.before, arguments.after))
        for command, text in before.items():
            compared += 1
            if text != after[command]:
                differing += 1
                changed = difflib.unified_diff(text.splitlines(), after[command].splitlines(), lineterm="", n=0)
                print(f"tsdsl {command}", *[line[:160] for line in changed][:12], sep="\n    ")
    print(f"{compared} outputs compared, {differing} differ")
    sys.exit(differing > 0)


if __name__ == "__main__":
    main()
