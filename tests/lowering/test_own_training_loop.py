"""The example of a training loop of one's own runs, learns, and leaves weights behind."""

from __future__ import annotations

import runpy
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_training_loop.py"


def test_the_example_learns_its_classes(tmp_path, capsys):
    accuracy = runpy.run_path(str(EXAMPLE))["main"](60, tmp_path)
    assert accuracy > 0.4
    assert (tmp_path / "two_streams.safetensors").stat().st_size > 0
    assert "multiply-adds" in capsys.readouterr().out
