"""The example of an afternoon, as typed, on a small data set in the form of UCF101."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from support.micro_runs import write_inputs as write_clips
from tsdsl.cli.main import run

STAND_IN = """#!/bin/sh
for argument in "$@"; do printf '%s\\037' "$argument" >> "$TYPED"; done
echo >> "$TYPED"
"""
EXAMPLE = Path(__file__).parent.parent / "examples" / "afternoon.sh"


def as_ucf101(clips: Path, root: Path) -> None:
    """Class folders, and the lists of the first split as distributed: numbers from 1 and CRLF in the training list."""
    lists = root / "ucfTrainTestlist"
    lists.mkdir(parents=True)
    names = sorted(folder.name for folder in (clips / "train").iterdir())
    lines: dict[str, list[str]] = {"train": [], "val": []}
    for number, name in enumerate(names, start=1):
        (root / name).mkdir()
        for split, found in lines.items():
            for clip in sorted((clips / split / name).iterdir()):
                copy = f"{name}/v_{name}_{split}{clip.stem}.avi"
                shutil.copy(clip, root / copy)
                found.append(f"{copy} {number}" if split == "train" else copy)
    (lists / "classInd.txt").write_text("".join(f"{n} {name}\n" for n, name in enumerate(names, start=1)))
    (lists / "trainlist01.txt").write_bytes("".join(f"{line}\r\n" for line in lines["train"]).encode())
    (lists / "testlist01.txt").write_text("".join(f"{line}\n" for line in lines["val"]))


def typed(folder: Path, environment: dict[str, str], *arguments: str) -> list[list[str]]:
    """The commands of tsdsl that the example types, by a stand-in that writes its arguments down."""
    folder.mkdir()
    (folder / "tsdsl").write_text(STAND_IN)
    (folder / "tsdsl").chmod(0o755)
    environment = {**environment, "PATH": f"{folder}:/usr/bin:/bin", "TYPED": str(folder / "typed")}
    subprocess.run([str(EXAMPLE), *arguments], env=environment, check=True)
    return [line.split("\037")[:-1] for line in (folder / "typed").read_text().splitlines()]


@pytest.mark.slow
def test_the_afternoon_works_as_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_clips(tmp_path, clips_per_class=2)
    as_ucf101(tmp_path / "clips", tmp_path / "UCF-101")
    video = next((tmp_path / "clips" / "val").rglob("*.mp4"))
    brief = {
        "SPACE": "micro.tsspace",
        "SEARCH": "--samples 2 --batch-size 8 --set recalibration_batches=1",
        "TRAIN": "--batch-size 16 --set precise_norm_batches=1",
        "EPOCHS": "1",
        "LOG": " ",
    }
    commands = typed(tmp_path / "bin", brief, "UCF-101", str(video), "--device", "cpu")
    assert [command[0] for command in commands] == [
        "data",
        "search",
        "train",
        "train",
        "eval",
        "predict",
        "runs",
        "report",
    ]
    for command in commands:
        assert run(command) == 0, command
    printed = capsys.readouterr().out
    assert f"{video}: " in printed
    assert "test-10x1" in printed
    train = tmp_path / "afternoon" / "train"
    settings = json.loads((train / "settings.json").read_text())["settings"]
    assert settings["settings"]["epochs"] == 11
    assert settings["class_names"] == sorted(path.name for path in (tmp_path / "clips" / "train").iterdir())
    assert json.loads((train / "eval" / "test-10x1.json").read_text())["num_videos"] == 8
    assert "Evaluations of their weights" in (tmp_path / "afternoon" / "report.html").read_text()


def test_the_afternoon_is_tracked_offline_unless_told_otherwise(tmp_path: Path) -> None:
    commands = typed(tmp_path / "bin", {}, "UCF-101", "own.mp4")
    assert [command[0] for command in commands if "wandb" in command] == ["search", "train", "train"]
    assert commands[3][:4] == ["train", "afternoon/train", "--epochs", "60"]
