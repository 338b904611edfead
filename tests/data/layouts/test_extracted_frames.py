"""Data sets of extracted frames: class folders, lists of `folder frames label`, and Something-Something V2."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.frame_files import write_frames
from support.listed_files import touch, write_text
from tsdsl.cli.main import run
from tsdsl.data import open_dataset, prepare_dataset, probe, verify_dataset
from tsdsl.data.datasets.own_videos import own_videos
from tsdsl.data.layouts.records import UNLABELLED, ClipRecord
from tsdsl.errors import FileError


def test_folders_in_class_folders_are_clips(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for clip in ("train/run/b", "train/run/a", "train/jump/deep/c", "val/jump/d"):
        write_frames(tmp_path / clip, 3)
    train = open_dataset(tmp_path, "train")
    names = [(clip.path.relative_to(tmp_path).as_posix(), clip.label) for clip in train.records]
    assert names == [("train/jump/deep/c", 0), ("train/run/a", 1), ("train/run/b", 1)]
    assert verify_dataset(tmp_path).num_frames == 12
    assert run(["data", "index", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "clips are folders of frames at 30 a second; `frames_fps` in dataset.json gives another rate" in shown
    assert ".jpg" not in shown


def test_the_description_gives_the_rate(tmp_path: Path) -> None:
    write_frames(tmp_path / "run/a", 3)
    write_text(tmp_path / "dataset.json", '{"kind": "folder", "frames_fps": 12}')
    assert open_dataset(tmp_path, "train").frames_fps == 12
    write_text(tmp_path / "dataset.json", '{"kind": "folder", "frames_fps": 0}')
    with pytest.raises(FileError, match="frames_fps"):
        open_dataset(tmp_path, "train")


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("train.txt", ""),
        ("x_train_list_rawframes.txt", "rawframes_train/"),
        ("x_train_split_1_rawframes.txt", "rawframes/"),
        ("train_videofolder.txt", "20bn-something-something-v2-frames/"),
    ],
)
def test_lists_of_folders_and_numbers_of_frames(tmp_path: Path, name: str, folder: str) -> None:
    touch(tmp_path, f"{folder}1 a/img_1.jpg", f"{folder}b/img_1.jpg")
    write_text(tmp_path / name, "1 a 24 1\nb 30 0\nc 30 0\n")
    train = open_dataset(tmp_path, "train")
    assert train.records == (
        ClipRecord(tmp_path / folder / "1 a", 1, end_s=0.8, frames_fps=30),
        ClipRecord(tmp_path / folder / "b", 0, end_s=1.0, frames_fps=30),
    )
    assert train.missing == ("c",)


@pytest.mark.parametrize("text", ["a 1\nb 0\n", "path,num_frames,label\na,24,1\nb,30,0\n"])
def test_all_frames_are_used_of_a_folder_without_their_number(tmp_path: Path, text: str) -> None:
    touch(tmp_path, "frames/a/img_1.jpg", "frames/b/img_1.jpg")
    write_text(tmp_path / "train.csv", text)
    assert open_dataset(tmp_path, "train").records == (
        ClipRecord(tmp_path / "frames/a", 1, frames_fps=30),
        ClipRecord(tmp_path / "frames/b", 0, frames_fps=30),
    )


def test_files_without_a_suffix_are_videos(tmp_path: Path) -> None:
    touch(tmp_path, "a", "videos/b")
    write_text(tmp_path / "train.csv", "a 0\nb 1\n")
    assert [clip.frames_fps for clip in open_dataset(tmp_path, "train").records] == [None, None]


def test_something_something_reads_frames_in_place_of_videos(tmp_path: Path) -> None:
    touch(tmp_path, "20bn-something-something-v2-frames/7/000001.jpg")
    write_text(tmp_path / "labels/labels.json", json.dumps({"Moving something": "0"}))
    write_text(tmp_path / "labels/train.json", json.dumps([{"id": "7", "template": "Moving [something]"}]))
    (clip,) = open_dataset(tmp_path, "train").records
    assert clip == ClipRecord(tmp_path / "20bn-something-something-v2-frames/7", 0, frames_fps=30)


def test_images_without_a_folder_for_each_clip_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "run/1.jpg", "run/2.jpg", "jump/1.jpg")
    with pytest.raises(FileError, match=r"has images in place of clips, such as jump/1\.jpg") as caught:
        open_dataset(tmp_path, "train")
    assert caught.value.help == f"put the frames of each clip into a folder of its own, such as {tmp_path}/jump/clip1"


def test_videos_are_made_of_frames_at_their_rate(tmp_path: Path) -> None:
    source = tmp_path / "frames"
    for name in ("run", "jump"):
        write_frames(source / name / "a", 8)
    write_text(source / "dataset.json", '{"kind": "folder", "frames_fps": 10}')
    report = prepare_dataset(source, tmp_path / "videos", splits=["train"])
    assert report.source_bytes > 0
    made = open_dataset(tmp_path / "videos", "train")
    assert made.frames_fps is None
    assert [(probe(clip.path).num_frames, round(probe(clip.path).fps, 6)) for clip in made.records] == [(8, 10)] * 2


def test_own_frames_are_classified_as_own_videos_are(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "b/c/1.jpg", "empty/notes.txt")
    clips = own_videos(tmp_path).records
    assert [(clip.path, clip.label, clip.frames_fps) for clip in clips] == [
        (tmp_path / "a", UNLABELLED, 30),
        (tmp_path / "b/c", UNLABELLED, 30),
    ]
    assert own_videos(tmp_path / "a").records == clips[:1]
    with pytest.raises(FileError, match="contains no video"):
        own_videos(tmp_path / "empty")
