"""Lists that disagree about a clip, and lists written where the data set lay before it was moved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tsdsl.cli.main import run
from tsdsl.data.datasets.open import open_dataset
from tsdsl.data.layouts.files import FileListing
from tsdsl.errors import FileError

OFFICIAL = "label,youtube_id,time_start,time_end,split\n"


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_a_clip_with_two_labels_in_one_list_is_an_error_that_names_both_lines(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    (tmp_path / "train.csv").write_text("a.mp4 0\nb.mp4 1\na.mp4 1\n")
    with pytest.raises(FileError, match=r"a\.mp4: has label 0 in .*train\.csv:1 and 1 in .*train\.csv:3"):
        open_dataset(tmp_path, "train")


def test_a_file_to_which_two_lists_give_different_labels_is_an_error(tmp_path: Path) -> None:
    touch(tmp_path, "videos/a.mp4", "videos/b.mp4")
    (tmp_path / "train.csv").write_text("a.mp4 0\nb.mp4 1\n")
    (tmp_path / "val.csv").write_text("a.mp4 1\n")
    for split in ("train", "val"):
        with pytest.raises(FileError, match=r"train\.csv:1 and 1 in .*val\.csv:1"):
            open_dataset(tmp_path, split)


def test_files_of_the_same_name_in_the_folders_of_two_splits_may_differ(tmp_path: Path) -> None:
    touch(tmp_path, "train/a.mp4", "train/b.mp4", "val/a.mp4")
    (tmp_path / "train.csv").write_text("a.mp4 0\nb.mp4 1\n")
    (tmp_path / "val.csv").write_text("a.mp4 1\n")
    assert [record.label for record in open_dataset(tmp_path, "val").records] == [1]


def test_an_official_clip_in_two_classes_is_an_error(tmp_path: Path) -> None:
    touch(tmp_path, "x_000001_000011.mp4")
    (tmp_path / "train.csv").write_text(OFFICIAL + "run,x,1,11,train\njump,x,1,11,train\n")
    with pytest.raises(FileError, match=r"x: is 'run' in .*train\.csv:2 and 'jump' in .*train\.csv:3"):
        open_dataset(tmp_path, "train")


def test_two_parts_of_one_official_video_may_be_of_two_classes(tmp_path: Path) -> None:
    touch(tmp_path, "x.mp4")
    (tmp_path / "train.csv").write_text(OFFICIAL + "run,x,1,11,train\njump,x,20,30,train\n")
    assert [(r.label, r.start_s) for r in open_dataset(tmp_path, "train").records] == [(1, 1.0), (0, 20.0)]


def test_a_something_clip_with_two_templates_is_an_error(tmp_path: Path) -> None:
    touch(tmp_path, "videos/1.webm", "videos/2.webm")
    (tmp_path / "labels.json").write_text(json.dumps({"Pushing something": 0, "Pulling something": 1}))
    (tmp_path / "train.json").write_text(json.dumps([{"id": "1", "template": "Pushing [something]"}]))
    entries = [{"id": "1", "template": "Pulling [something]"}, {"id": "2", "template": "Pulling [something]"}]
    (tmp_path / "validation.json").write_text(json.dumps(entries))
    with pytest.raises(FileError, match=r"clip 1: is 'Pushing something' in .*train\.json"):
        open_dataset(tmp_path, "val")


def test_absolute_paths_of_a_moved_root_are_read_below_the_new_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    touch(tmp_path, "train/run/1.mp4", "train/jump/1.mp4")
    lines = ["/gone/k400/train/run/1.mp4 1", "/gone/k400/train/jump/1.mp4 0", "/gone/k400/train/jump/2.mp4 0"]
    (tmp_path / "train.csv").write_text("\n".join(lines) + "\n")
    dataset = open_dataset(tmp_path, "train")
    assert [(str(r.path.relative_to(tmp_path)), r.label) for r in dataset.records] == [
        ("train/run/1.mp4", 1),
        ("train/jump/1.mp4", 0),
    ]
    assert dataset.missing == ("/gone/k400/train/jump/2.mp4",)
    assert dataset.moved_from == "/gone/k400"
    assert run(["data", "index", str(tmp_path)]) == 0
    assert "names files below /gone/k400" in " ".join(capsys.readouterr().out.split())


def test_a_file_of_the_same_name_elsewhere_is_not_taken_for_a_lost_one(tmp_path: Path) -> None:
    touch(tmp_path, "train/run/1.mp4", "train/run/2.mp4", "3.mp4")
    (tmp_path / "train.csv").write_text("".join(f"/gone/train/run/{n}.mp4 0\n" for n in (3, 1, 2)))
    dataset = open_dataset(tmp_path, "train")
    assert [record.path.name for record in dataset.records] == ["1.mp4", "2.mp4"]
    assert dataset.missing == ("/gone/train/run/3.mp4",)


def test_absolute_paths_that_lead_somewhere_are_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "other"
    touch(other, "run/1.mp4")
    touch(tmp_path / "set", "run/1.mp4")
    (tmp_path / "set/train.csv").write_text(f"{other}/run/1.mp4 0\n")
    dataset = open_dataset(tmp_path / "set", "train")
    assert [record.path for record in dataset.records] == [other / "run/1.mp4"]
    assert dataset.moved_from is None


def test_a_listing_knows_files_and_links_and_no_folders(tmp_path: Path) -> None:
    touch(tmp_path, "here/a.mp4")
    (tmp_path / "here/link.mp4").symlink_to(tmp_path / "here/a.mp4")
    (tmp_path / "here/broken.mp4").symlink_to(tmp_path / "nowhere")
    (tmp_path / "here/folder.mp4").mkdir()
    listing = FileListing()
    names = ("a.mp4", "link.mp4", "broken.mp4", "folder.mp4", "b.mp4")
    assert [listing.has(str(tmp_path / "here" / name)) for name in names] == [True, True, False, False, False]
    assert not listing.has(str(tmp_path / "absent" / "a.mp4"))
