"""A part of the training clips becomes the validation split of a data set that has none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from support.listed_files import touch, write_text
from tsdsl.cli.main import run
from tsdsl.data import VideoDataset, available_splits, open_dataset, select_classes, split_dataset
from tsdsl.data.datasets.validation import take_validation
from tsdsl.data.layouts.description import ValidationPart
from tsdsl.data.layouts.records import ClipRecord
from tsdsl.errors import FileError, UsageError


def make_folder(root: Path, clips: int = 10) -> Path:
    touch(root, *(f"{name}/{clip}.mp4" for name in ("run", "jump") for clip in range(clips)))
    return root


def names(dataset: VideoDataset) -> list[str]:
    return [str(clip.path.relative_to(dataset.root)) for clip in dataset.records]


def test_a_share_of_each_class_validates_and_trains_no_more(tmp_path: Path) -> None:
    whole = names(open_dataset(make_folder(tmp_path), "train"))
    report = split_dataset(tmp_path, 0.2, seed=1)
    train, val = open_dataset(tmp_path, "train"), open_dataset(tmp_path, "val")
    assert (train, val) == (report.training, report.validation)
    assert (train.clips_per_class, val.clips_per_class) == ((8, 8), (2, 2))
    assert sorted(names(train) + names(val)) == whole
    assert available_splits(tmp_path) == ("train", "val")
    assert (val.split, val.class_names, val.missing) == ("val", train.class_names, ())


def test_the_choice_depends_on_seed_and_names_alone(tmp_path: Path) -> None:
    chosen = []
    for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
        root = make_folder(tmp_path / folder)
        chosen.append(names(split_dataset(root, 0.3, seed).validation))
    assert chosen[0] == chosen[1] != chosen[2]
    # Written down from a first run: runs rely on it, so it must never change.
    assert chosen[0] == ["jump/0.mp4", "jump/4.mp4", "jump/6.mp4", "run/1.mp4", "run/5.mp4", "run/6.mp4"]


def test_the_choice_is_the_same_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, *(f"{clip}.mp4" for clip in range(20)))
    write_text(tmp_path / "train.csv", "".join(f"{tmp_path}/{clip}.mp4 0\n" for clip in range(20)))
    monkeypatch.chdir(tmp_path)
    assert split_dataset(".", 0.3).validation.records == open_dataset(tmp_path, "val").records


def test_clips_of_one_video_stay_together(tmp_path: Path) -> None:
    groups = [ClipRecord(tmp_path / f"run/v_run_g{g:02d}_c{c:02d}.avi", 0) for g in range(5) for c in range(4)]
    parts = [ClipRecord(tmp_path / f"jump/{n}.mp4", 1, start_s, start_s + 1) for n in range(5) for start_s in range(4)]
    whole = VideoDataset(tmp_path, "train", "folder", (*groups, *parts), ("run", "jump"))
    divided = take_validation(whole, ValidationPart(fraction=0.2, seed=0))
    assert divided.validation.clips_per_class == (4, 4)
    for record in divided.validation.records:
        video = record.path.stem.split("_c")[0]
        assert video not in {other.path.stem.split("_c")[0] for other in divided.training.records}


@pytest.mark.parametrize(("num_videos", "num_validation"), [(1, 0), (2, 1), (3, 1), (14, 1), (16, 2), (100, 10)])
def test_a_class_of_two_videos_has_one_on_each_side(tmp_path: Path, num_videos: int, num_validation: int) -> None:
    records = tuple(ClipRecord(tmp_path / f"{n}.mp4", 0) for n in range(num_videos))
    whole = VideoDataset(tmp_path, "train", "folder", records, ("run",))
    divided = take_validation(whole, ValidationPart(fraction=0.1, seed=0))
    assert len(divided.validation.records) == num_validation
    assert len(divided.training.records) == num_videos - num_validation
    assert replace(divided.training, records=records) == whole


def test_the_command_names_the_rule_and_keeps_what_the_description_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_text(make_folder(tmp_path) / "dataset.json", json.dumps({"kind": "folder", "flip_allowed": False}))
    for _ in range(2):
        assert run(["data", "split", str(tmp_path), "--validation", "0.3"]) == 0
        shown = capsys.readouterr().out
        assert "6 of 20 training clips validate, 0.3 of each class by seed 0" in shown.replace("\n", " ")
    description = json.loads((tmp_path / "dataset.json").read_text())
    assert description == {"kind": "folder", "flip_allowed": False, "validation": {"fraction": 0.3, "seed": 0}}
    assert not open_dataset(tmp_path, "val").flip_allowed


def test_what_cannot_be_split_is_refused(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "a")
    for fraction in (0.0, 1.0, float("nan")):
        with pytest.raises(UsageError, match="--validation must be between 0 and 1"):
            split_dataset(root, fraction)
    split_dataset(root)
    with pytest.raises(UsageError, match=r"has another validation part: 0\.1, by seed 0"):
        split_dataset(root, seed=1)
    touch(root, "train/run/a.mp4", "train/run/b.mp4", "val/run/b.mp4")
    with pytest.raises(FileError, match=r"has validation clips, and .*dataset\.json takes some from training"):
        open_dataset(root, "train")
    (root / "dataset.json").unlink()
    with pytest.raises(UsageError, match="has a validation split"):
        split_dataset(root)
    with pytest.raises(FileError, match="no class has two videos"):
        split_dataset(make_folder(tmp_path / "one", clips=1))


def test_chosen_classes_have_the_split_of_their_source_or_one_of_their_own(tmp_path: Path) -> None:
    split_dataset(make_folder(tmp_path / "source"), 0.2)
    chosen = select_classes(tmp_path / "source", tmp_path / "mini", 1)
    assert [len(dataset.records) for dataset in chosen.splits] == [8, 2]
    select_classes(make_folder(tmp_path / "other"), tmp_path / "small", 1)
    assert len(split_dataset(tmp_path / "small", 0.3).validation.records) == 3


def test_something_something_stays_unflipped_with_a_description(tmp_path: Path) -> None:
    touch(tmp_path, "videos/1.webm", "videos/2.webm")
    write_text(tmp_path / "labels.json", json.dumps({"Moving something left": "0"}))
    write_text(tmp_path / "train.json", json.dumps([{"id": n, "template": "Moving something left"} for n in "12"]))
    split_dataset(tmp_path)
    val = open_dataset(tmp_path, "val")
    assert (val.kind, val.flip_allowed, val.recommended.sampling) == ("something-something-v2", False, "segments")
