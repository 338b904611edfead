"""Going through a whole data set."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tsdsl.cli.main import run
from tsdsl.data.prepare.verify import index_dataset, verify_dataset, write_bad_list
from tsdsl.errors import FileError


def test_index_holds_every_split(class_folders: Path) -> None:
    index = index_dataset(class_folders)
    assert [dataset.split for dataset in index.splits] == ["train", "val"]
    assert index.class_names == ("jump", "run")


def test_sound_files_are_counted_with_their_frames(class_folders: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = verify_dataset(class_folders, progress=lambda done, total: seen.append((done, total)))
    assert (report.num_videos, report.num_frames) == (18, 360)
    assert report.is_sound
    assert seen[-1] == (18, 18)


def test_bad_and_missing_files_are_named(class_folders: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(class_folders, root)
    (root / "train/run/3.mp4").write_bytes(b"")
    (root / "train.csv").write_text("train/run/3.mp4 1\ntrain/jump/1.mp4 0\ntrain/jump/9.mp4 0\n")
    report = verify_dataset(root)
    assert (report.num_videos, report.num_frames) == (2, 20)
    assert list(report.bad.to_json()) == [str(root / "train/run/3.mp4")]
    assert report.missing == ("train/jump/9.mp4",)
    assert not report.is_sound


def test_a_kind_without_lists_is_a_file_error(class_folders: Path) -> None:
    with pytest.raises(FileError, match="kinetics-list"):
        index_dataset(class_folders, kind="kinetics-list")


def test_the_bad_list_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_bad_list(tmp_path / "bad.txt", ["a.mp4\tempty", "b.mp4\tmissing"])
    assert (tmp_path / "bad.txt").read_text() == "a.mp4\tempty\nb.mp4\tmissing\n"
    with pytest.raises(FileError, match="cannot be written"):
        write_bad_list(tmp_path / "bad.txt" / "bad.txt", [])
    assert [path.name for path in tmp_path.iterdir()] == ["bad.txt"]


def test_bad_files_whose_names_are_not_utf_8_are_listed_by_their_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "data" / "run"
    folder.mkdir(parents=True)
    bad = Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.mp4"))
    bad.touch()
    assert run(["data", "verify", str(tmp_path / "data"), "-o", str(tmp_path / "bad.txt")]) == 1
    assert (tmp_path / "bad.txt").read_bytes().startswith(os.fsencode(bad) + b"\t")
    assert "caf\\udce9.mp4" in capsys.readouterr().out
    assert verify_dataset(tmp_path / "data").bad.to_json().keys() == {f"{folder}/caf\\xe9.mp4"}
