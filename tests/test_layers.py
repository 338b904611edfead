"""What may be imported by whom, beyond what import-linter checks."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from itertools import takewhile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SIBLINGS = "no import circle in any package"


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


def imports_of(path: Path, modules: set[str]) -> set[str]:
    """The modules that one imports anywhere in its text: in functions and for type checkers too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names & modules or {node.module}
    return found & modules


def test_no_package_has_an_import_circle_among_its_parts() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (contract,) = (contract for contract in contracts if contract["name"] == SIBLINGS)
    assert (contract["type"], contract["ancestors"]) == ("acyclic_siblings", ["tsdsl"])
    assert "ignore_imports" not in contract
    paths = {path.relative_to(ROOT).with_suffix("").parts: path for path in (ROOT / "tsdsl").rglob("*.py")}
    files = {".".join(parts).removesuffix(".__init__"): path for parts, path in paths.items()}
    needs: dict[str, dict[str, set[str]]] = {}
    for importer, path in files.items():
        for imported in imports_of(path, set(files)):
            one, other = importer.split("."), imported.split(".")
            shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
            if shared < min(len(one), len(other)):
                package = needs.setdefault(".".join(one[:shared]), {})
                package.setdefault(one[shared], set()).add(other[shared])
    assert {"tsdsl", "tsdsl.space", "tsdsl.analysis.tables"} <= set(needs)
    for package in needs.values():
        TopologicalSorter(package).prepare()  # raises CycleError
