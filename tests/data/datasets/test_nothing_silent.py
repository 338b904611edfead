"""Folders that only look like class folders are refused, and what is unusual about a data set is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tsdsl.cli.main import run
from tsdsl.data import available_splits, index_dataset, open_dataset
from tsdsl.errors import FileError


def touch(root: Path, *names: str) -> None:
    """Files with the names of videos; opening a data set decodes nothing."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


@pytest.mark.parametrize(
    "names",
    [
        ["Videos/run/a.mp4", "annotations/readme.md"],
        ["videos_train/run/a.mp4", "videos_val/run/b.mp4"],
        ["train_clips/run/a.mp4", "test_clips/run/b.mp4"],
        ["some-release/run/a.mp4", "ucfTrainTestlist/notes.md"],
        ["run/a.mp4", "hmdb51_org/jump/b.avi"],
        ["run/a.mp4", "lists2/notes.txt"],
        ["run/a.mp4", "jump/b.mp4", "extra/about.json", "extra/more.csv"],
    ],
)
def test_folders_of_splits_videos_or_annotations_are_not_classes(tmp_path: Path, names: list[str]) -> None:
    touch(tmp_path, *names)
    with pytest.raises(FileError, match="expected class folders, got '") as caught:
        open_dataset(tmp_path, "train")
    assert caught.value.help is not None
    assert "dataset.json" in caught.value.help


def test_class_folders_beside_a_list_of_videos_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "run/a.mp4", "jump/b.mp4")
    (tmp_path / "README.txt").write_text("Clips of two people.\nSee a.mp4 first.\nRecorded in spring.\n")
    (tmp_path / "config.json").write_text("{}")
    assert open_dataset(tmp_path, "train").num_classes == 2
    (tmp_path / "held_out.txt").write_text("run/a.mp4\n")
    with pytest.raises(FileError, match=r"lists that would not be read: 'held_out\.txt'"):
        open_dataset(tmp_path, "train")


def test_a_description_or_a_given_kind_makes_any_folders_classes(tmp_path: Path) -> None:
    touch(tmp_path, "videos/a.mp4", "lists/b.mp4")
    assert open_dataset(tmp_path, "train", kind="folder").class_names == ("lists", "videos")
    (tmp_path / "dataset.json").write_text('{"kind": "folder"}')
    assert open_dataset(tmp_path, "train").class_names == ("lists", "videos")


def test_split_folders_are_found_in_any_case(tmp_path: Path) -> None:
    touch(tmp_path, "Train/run/a.mp4", "Train/jump/b.mp4", "TEST/run/c.mp4")
    assert available_splits(tmp_path) == ("train", "test")
    assert open_dataset(tmp_path, "train").class_names == ("jump", "run")
    touch(tmp_path, "train/run/d.mp4")
    with pytest.raises(FileError, match="has Train/ and train/"):
        open_dataset(tmp_path, "train")


def test_index_warns_of_one_class_and_of_no_validation_split(tmp_path: Path) -> None:
    touch(tmp_path, "train/run/a.mp4")
    one_class, no_validation = index_dataset(tmp_path).concerns
    assert "has one class only, 'run'" in one_class
    assert "has no validation split" in no_validation


def test_index_warns_of_classes_without_clips_and_of_lists_beside_split_folders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    touch(tmp_path, "train/run/a.mp4", "train/jump/b.mp4", "val/run/c.mp4", "train/swim/d.heic")
    (tmp_path / "all.csv").write_text("train/run/a.mp4\ntrain/jump/b.mp4\n")
    assert run(["data", "index", str(tmp_path), "--json"]) == 0
    printed = capsys.readouterr()
    warnings = json.loads(printed.out)["warnings"]
    assert ["1 of 3 classes have no train clips: 'swim'" in warnings[0], "all.csv" in warnings[1]] == [True, True]
    assert [f"warning: {warning}" for warning in warnings] == printed.err.splitlines()


def test_a_usual_data_set_is_opened_without_a_warning(class_folders: Path) -> None:
    assert index_dataset(class_folders).concerns == []


def test_a_folder_around_a_whole_data_set_is_not_a_class(tmp_path: Path) -> None:
    touch(tmp_path, "gestures/train/run/a.mp4", "gestures/train/jump/b.mp4")
    with pytest.raises(FileError, match=r"got 'gestures': .* of a whole data set"):
        open_dataset(tmp_path, "train")
    assert open_dataset(tmp_path / "gestures", "train").num_classes == 2


def test_a_split_without_clips_names_videos_and_lists_that_lie_elsewhere(tmp_path: Path) -> None:
    touch(tmp_path, "train/run/a.mp4", "val/b.mp4")
    with pytest.raises(FileError, match=r"no clips; videos are in .*val instead of class folders, such as b\.mp4"):
        open_dataset(tmp_path, "val")
    touch(tmp_path / "flat", "a.mp4")
    (tmp_path / "flat/mine.txt").write_text("a.mp4 0\n")
    with pytest.raises(FileError, match=r"lists of other names than train\.csv and val\.csv are not read: 'mine\.txt'"):
        open_dataset(tmp_path / "flat", "train")


def test_index_warns_of_clips_in_two_splits(tmp_path: Path) -> None:
    touch(tmp_path, "run/a.mp4", "jump/b.mp4", "run/c.mp4")
    (tmp_path / "train.csv").write_text("run/a.mp4 1\njump/b.mp4 0\n")
    (tmp_path / "val.csv").write_text("run/c.mp4 1\njump/b.mp4 0\n")
    (concern,) = index_dataset(tmp_path).concerns
    assert "1 clips are in both train and val, such as " in concern
    assert concern.count("jump/b.mp4") == 1


def test_two_parts_of_one_video_may_be_in_two_splits(tmp_path: Path) -> None:
    touch(tmp_path, "x.mp4")
    header = "label,youtube_id,time_start,time_end,split\n"
    (tmp_path / "train.csv").write_text(header + "run,x,1,11,train\njump,x,30,40,train\n")
    (tmp_path / "val.csv").write_text(header + "run,x,20,30,val\n")
    assert index_dataset(tmp_path).concerns == []


def test_index_counts_files_that_are_not_read_by_suffix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    touch(tmp_path, "train/run/a.mp4", "train/run/b.svi", "train/jump/c.SVI", "train/jump/d", "train/jump/.hidden")
    assert run(["data", "index", str(tmp_path)]) == 0
    assert "train: files in class folders that are not read as videos: 2 .svi, 1 without suffix" in (
        capsys.readouterr().out
    )
    assert run(["data", "index", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["splits"]["train"]["other_files"] == {".svi": 2, "": 1}


def test_index_warns_of_no_training_split(tmp_path: Path) -> None:
    touch(tmp_path, "val/run/a.mp4", "val/jump/b.mp4")
    (concern,) = index_dataset(tmp_path).concerns
    assert "has no training split, which search and train need; only val" in concern


@pytest.mark.parametrize(("most", "warns"), [(20, False), (21, True)])
def test_extreme_imbalance_is_a_warning(tmp_path: Path, most: int, warns: bool) -> None:
    touch(tmp_path, *(f"run/{clip}.mp4" for clip in range(most)), "jump/a.mp4")
    found = [
        concern for concern in index_dataset(tmp_path).concerns if "'run' has 21 train clips and 'jump' 1" in concern
    ]
    assert bool(found) == warns
