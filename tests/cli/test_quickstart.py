"""The quickstart, with fewer clips and epochs: every file is there, and it goes on where it stopped."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from support.processes import server
from tsdsl.cli import quickstart
from tsdsl.cli.main import run
from tsdsl.data import DemoSettings, write_demo


@pytest.fixture
def short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def few_clips(folder: Path, progress: object) -> Path:
        if not (folder / "dataset.json").exists():
            few = DemoSettings(num_textures=2, train_clips_per_class=4, val_clips_per_class=2, side_px=24, num_frames=8)
            write_demo(folder, few)
        return folder

    server()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(quickstart, "_clips", few_clips)
    monkeypatch.setattr(quickstart, "SEARCH", {**quickstart.SEARCH, "samples": 2, "batch_size": 8, "epochs": 1})
    monkeypatch.setattr(quickstart, "TRAIN", {**quickstart.TRAIN, "batch_size": 8, "epochs": 1})
    return tmp_path


def test_the_quickstart_leaves_a_report_and_goes_on(short: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["quickstart", "-q", "--compare", "0"]) == 0
    out = capsys.readouterr().out
    assert "found, both streams" in out
    assert "random" not in out
    folder = short / "quickstart"
    results = json.loads((folder / "results.json").read_text())
    assert [result["model"] for result in results] == [
        "found, both streams",
        "found, dense removed",
        "found, sparse removed",
    ]
    assert json.loads((folder / "train" / "eval" / "val-1x1.json").read_text())["top1"] == results[0]["top1"]
    page = (folder / "report.html").read_text()
    assert "<svg" in page
    assert "Both streams are needed" in page
    assert "tsdsl quickstart quickstart" in page
    assert (folder / "architecture.png").read_bytes().startswith(b"\x89PNG")
    for view in ("graph", "figure", "alpha", "landscape"):
        assert run(["render", "quickstart", "--view", view, "-o", f"{view}.svg"]) == 0
    assert run(["render", "quickstart", "--view", "figure", "--against", "quickstart/train", "-o", "d.svg"]) == 0
    assert "differ in 0 groups" in Path("d.svg").read_text()
    weights = (folder / "train" / "weights.safetensors").read_bytes()
    assert run(["quickstart", "-q", "--compare", "2"]) == 0
    assert (folder / "train" / "weights.safetensors").read_bytes() == weights
    found, *_, last = json.loads((folder / "results.json").read_text())
    assert last["model"] == "random 2 of the same cost"
    assert 0.9 * found["flops"] <= last["flops"] <= 1_300_000
    captured = capsys.readouterr()
    assert "random ones of its cost on" in captured.out
    assert "random ones of its cost on" in (folder / "report.html").read_text()
    assert re.search(r"done in \d+ s: clips \d+ s, search \d+ s, trainings \d+ s", captured.err)


def test_a_foreign_folder_is_left_alone(short: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (short / "quickstart").mkdir()
    (short / "quickstart" / "thesis.txt").write_text("mine")
    assert run(["quickstart"]) == 3
    assert [path.name for path in (short / "quickstart").iterdir()] == ["thesis.txt"]
