"""The script and the notebook of the library: they use all of it, and run. `test_packaging` checks their types."""

from __future__ import annotations

import ast
import json
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import tsdsl

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "examples" / "library.py"
NOTEBOOK = ROOT / "examples" / "quickstart.ipynb"


def cells() -> list[str]:
    """The code of the notebook, by cell."""
    content = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == "code"]


def used(code: str) -> set[str]:
    """The names after `tsdsl.` in a program."""
    found = (node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Attribute))
    return {node.attr for node in found if isinstance(node.value, ast.Name) and node.value.id == "tsdsl"}


def shown(code: str, scope: dict[str, Any]) -> str:
    """What a notebook shows of a cell: HTML where its last value has some, else text."""
    *before, last = ast.parse(code).body
    assert isinstance(last, ast.Expr | ast.Assign)
    if isinstance(last, ast.Assign):
        before, value = [*before, last], None
    exec(compile(ast.Module(before, []), "cell", "exec"), scope)
    value = eval(compile(ast.Expression(last.value), "cell", "eval"), scope) if isinstance(last, ast.Expr) else None
    return value._repr_html_() if hasattr(value, "_repr_html_") else repr(value)


def test_the_script_uses_all_that_is_public() -> None:
    assert used(SCRIPT.read_text(encoding="utf-8")) == set(tsdsl.__all__)


def test_the_script_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), str(tmp_path)])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    assert "31,104 architectures" in capsys.readouterr().out
    assert all((tmp_path / f"{number}.svg").read_text().startswith("<svg") for number in range(4))
    assert (tmp_path / "run" / "train" / "eval" / "val-1x1.json").is_file()


def test_each_cell_of_the_notebook_runs_and_shows_something(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    scope: dict[str, Any] = {}
    outputs = [shown(code, scope) for code in cells()]
    assert used("\n".join(cells())) <= set(tsdsl.__all__)
    assert sum("<img" in output for output in outputs) >= 5
    assert "<pre" in outputs[5]
    assert "mbb" in outputs[5]
    assert max(len(output) for output in outputs if "<img" not in output) < 6_000


@pytest.mark.nightly
def test_the_notebook_runs_in_a_kernel(tmp_path: Path) -> None:
    missing = [name for name in ("nbclient", "ipykernel") if find_spec(name) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed: pip install tsdsl[notebook]")
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert any("text/html" in output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", ()))
