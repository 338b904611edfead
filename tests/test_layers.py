"""What may be imported by whom, beyond what import-linter checks."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    "module", ["tsdsl", "tsdsl.cli.main", "tsdsl.check.check", "tsdsl.syntax.formatter", "tsdsl.lsp.server"]
)
def test_the_language_starts_without_torch_or_av(module: str) -> None:
    code = f"import {module}, sys; print(sorted({{'torch', 'av'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_package_is_listed_for_the_wheel() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {path.parent for path in (ROOT / "tsdsl").rglob("*.py")}
    found = {".".join(folder.relative_to(ROOT).parts) for folder in folders} | {"tsdsl.grammars", "tsdsl.spaces"}
    assert found == set(settings["packages"])
