"""Lists in the forms that spreadsheets, scripts and other libraries write are read, or refused by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.listed_files import touch, write_text
from tsdsl.data import UNLABELLED, available_splits, index_dataset, open_dataset, unlabelled_splits
from tsdsl.data.layouts.records import VideoDataset
from tsdsl.errors import FileError


def described(dataset: VideoDataset) -> list[tuple[str, str]]:
    """(file name, class) of each record."""
    return [(record.path.name, dataset.class_names[record.label]) for record in dataset.records]


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("path,label\na b.mp4,1\nc.mp4,0\n", ("0", "1")),
        ('path label\r\n"a b.mp4" 1\r\nc.mp4 0\r\n', ("0", "1")),
        ("\ufeffvideo_name,tag\na b.mp4,run\nc.mp4,jump\n", ("jump", "run")),
        ("label;frames;FileName\nrun; 24;a b.mp4\njump; 30;c.mp4\n", ("jump", "run")),
        ("split\tclass\tvideo\ntrain\trun fast\ta b.mp4\ntrain\tjump\tc.mp4\n", ("jump", "run fast")),
        ("a b.mp4,run\nc.mp4,jump high\n", ("jump high", "run")),
        ('"a b.mp4","run"\n"c.mp4","jump"\n', ("jump", "run")),
        ("a b.mp4 run\nc.mp4 jump\n", ("jump", "run")),
        ('"a b.mp4 1"\n"c.mp4 0"\n', ("0", "1")),
        ("\ufeffa b.mp4 1\nc.mp4 0\n", ("0", "1")),
    ],
)
def test_headers_quotes_names_and_further_columns(tmp_path: Path, text: str, classes: tuple[str, ...]) -> None:
    touch(tmp_path, "a b.mp4", "c.mp4")
    write_text(tmp_path / "train.csv", text)
    train = open_dataset(tmp_path, "train")
    assert train.class_names == classes
    assert described(train) == [("a b.mp4", classes[1]), ("c.mp4", classes[0])]


@pytest.mark.parametrize(
    "text", ["c.mp4 -1\nd.mp4 -1\n", "c.mp4 0 -1\nd.mp4 0 -1\n", "c.mp4,-1\nd.mp4,-1\n", "c.mp4\nd.mp4\n"]
)
def test_a_list_without_classes_is_an_unlabelled_split(tmp_path: Path, text: str) -> None:
    touch(tmp_path, "a.mp4", "b.mp4", "c.mp4", "d.mp4")
    write_text(tmp_path / "train.csv", "a.mp4 0\nb.mp4 1\n")
    write_text(tmp_path / "test.csv", text)
    assert available_splits(tmp_path) == ("train",)
    assert unlabelled_splits(tmp_path) == ("test",)
    assert index_dataset(tmp_path).unlabelled == ("test",)
    test = open_dataset(tmp_path, "test", labelled=False)
    assert [(clip.path.name, clip.label) for clip in test.records] == [("c.mp4", UNLABELLED), ("d.mp4", UNLABELLED)]
    assert test.class_names == open_dataset(tmp_path, "train").class_names == ("0", "1")


def test_lists_of_which_none_or_a_part_names_classes_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    write_text(tmp_path / "train.csv", "a.mp4 0 -1\nb.mp4 0 -1\n")
    with pytest.raises(FileError, match="no list names classes, only clips, for train") as caught:
        index_dataset(tmp_path)
    assert "tsdsl predict" in str(caught.value.help)
    write_text(tmp_path / "train.csv", "a.mp4 0\n")
    write_text(tmp_path / "test.csv", "a.mp4 -1\n" * 60 + "b.mp4 1\n")
    with pytest.raises(FileError, match=r"test\.csv:61: names a class, unlike the lines before"):
        open_dataset(tmp_path, "test", labelled=False)


def test_class_names_of_all_lists_are_numbered_together_or_as_in_classes_txt(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4", "c.mp4")
    write_text(tmp_path / "train.csv", "a.mp4,run\nb.mp4,jump\n")
    write_text(tmp_path / "val.csv", "c.mp4,run\n")
    assert open_dataset(tmp_path, "val").class_names == ("jump", "run")
    assert described(open_dataset(tmp_path, "val")) == [("c.mp4", "run")]
    write_text(tmp_path / "classes.txt", "run\nswim\njump\n")
    assert open_dataset(tmp_path, "train").class_names == ("run", "swim", "jump")
    assert described(open_dataset(tmp_path, "train")) == [("a.mp4", "run"), ("b.mp4", "jump")]
    write_text(tmp_path / "classes.txt", "run\nswim\n")
    with pytest.raises(FileError, match=r"train\.csv: the class 'jump' is not in .*classes\.txt"):
        open_dataset(tmp_path, "train")


@pytest.mark.parametrize(
    ("train", "reason"),
    [
        ("path,label\na.mp4,1\nb.mp4,run\n", r"train\.csv:3: has the label 'run', and other lines have numbers"),
        ("path,label\na.mp4,\n", r"train\.csv:2: has no path or no label"),
        ("path,label\na.mp4\n", r"train\.csv:2: has no path or no label"),
        (f"path,label\n{'a' * 200_000},0\n", r"train\.csv:2: is not a line of a csv \(field larger"),
        ("a.mp4,run\nb.mp4,jump\n", r"train\.csv: has class names, and .*val\.csv has class numbers"),
        ("a.mp4,run\nb.mp4\n", r"train\.csv:1: is not `path label`"),
        ("a.mp4 0 -1\n", r"train\.csv:1: has -1 for a label, as lists without classes"),
        ("a.mp4 0 3\nb.mp4 1 3\n", r"train\.csv:1: has several numbers after 'a\.mp4', expected one label"),
        ("frames/a 24 0\nframes/b 30 1\n", r"has no clips; its list names 2, such as frames/a"),
    ],
)
def test_lines_that_could_be_misread_are_refused(tmp_path: Path, train: str, reason: str) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    write_text(tmp_path / "train.csv", train)
    write_text(tmp_path / "val.csv", "a.mp4 0\n")
    with pytest.raises(FileError, match=reason):
        open_dataset(tmp_path, "train")


def test_labels_that_count_from_1(tmp_path: Path) -> None:
    touch(tmp_path, "run/a.mp4", "jump/b.mp4")
    write_text(tmp_path / "train.txt", "run/a.mp4 1\r\njump/b.mp4 2\r\n")
    assert open_dataset(tmp_path, "train").class_names == ("run", "jump")
    write_text(tmp_path / "classInd.txt", "2 jump\n1 run\n3 swim\n")
    train = open_dataset(tmp_path, "train")
    assert train.class_names == ("run", "jump", "swim")
    assert described(train) == [("a.mp4", "run"), ("b.mp4", "jump")]
    write_text(tmp_path / "train.txt", "run/a.mp4 0\njump/b.mp4 1\n")
    assert described(open_dataset(tmp_path, "train")) == [("a.mp4", "run"), ("b.mp4", "jump")]
    write_text(tmp_path / "train.txt", "jump/b.mp4 1\n")
    with pytest.raises(FileError, match=r"train\.txt:1: jump/b\.mp4 has the number of 'run' in .*classInd\.txt"):
        open_dataset(tmp_path, "train")


def test_labels_that_may_count_from_0_are_left_as_they_are(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    write_text(tmp_path / "train.txt", "a.mp4 1\nb.mp4 2\n")
    write_text(tmp_path / "classes.txt", "run\njump\nswim\n")
    assert described(open_dataset(tmp_path, "train")) == [("a.mp4", "jump"), ("b.mp4", "swim")]
    (tmp_path / "classes.txt").unlink()
    write_text(tmp_path / "train.txt", "a.mp4 1\nb.mp4 3\n")
    assert open_dataset(tmp_path, "train").num_classes == 4


def test_backslashes_divide_folders_unless_a_file_has_them_in_its_name(tmp_path: Path) -> None:
    touch(tmp_path, "videos/run/a.mp4", "videos/jump/b.mp4", "jump\\c.mp4")
    write_text(tmp_path / "train.txt", "videos\\run\\a.mp4 1\r\nvideos\\jump\\b.mp4 0\r\n")
    assert described(open_dataset(tmp_path, "train")) == [("a.mp4", "run"), ("b.mp4", "jump")]
    write_text(tmp_path / "train.txt", "jump\\c.mp4 0\n")
    assert [record.path.name for record in open_dataset(tmp_path, "train").records] == ["jump\\c.mp4"]


@pytest.mark.parametrize("ending", ["_list_videos", "_videos", "_split_1_videos", "list", "_list"])
def test_lists_named_as_in_mmaction2(tmp_path: Path, ending: str) -> None:
    touch(tmp_path, "videos_train/run/a.mp4", "videos_train/jump/b.mp4", "videos_val/run/c.mp4")
    write_text(tmp_path / f"mine_train{ending}.txt", "run/a.mp4 1\njump/b.mp4 0\n")
    write_text(tmp_path / f"mine_val{ending}.txt", "run/c.mp4 1\n")
    assert available_splits(tmp_path) == ("train", "val")
    assert described(open_dataset(tmp_path, "train")) == [("a.mp4", "run"), ("b.mp4", "jump")]
    assert index_dataset(tmp_path).concerns == []
    write_text(tmp_path / f"other_train{ending}.txt", "run/a.mp4 1\n")
    (concern,) = index_dataset(tmp_path).concerns
    assert f"lists are not read: other_train{ending}.txt" in concern


def test_metadata_in_the_folders_of_splits_as_hugging_face_has_it(tmp_path: Path) -> None:
    touch(tmp_path, "train/a.mp4", "train/more/b.mp4", "test/a.mp4")
    write_text(tmp_path / "train/metadata.csv", "file_name,label\na.mp4,run\nmore/b.mp4,jump\ngone.mp4,run\n")
    write_text(tmp_path / "test/metadata.csv", "file_name,label\na.mp4,jump\n")
    assert available_splits(tmp_path) == ("train", "test")
    train = open_dataset(tmp_path, "train")
    assert (train.kind, train.class_names, train.missing) == ("table", ("jump", "run"), ("gone.mp4",))
    assert described(train) == [("a.mp4", "run"), ("b.mp4", "jump")]
    assert described(open_dataset(tmp_path, "test")) == [("a.mp4", "jump")]


@pytest.mark.parametrize("name", ["metadata.csv", "clips.csv"])
def test_one_csv_for_all_splits(tmp_path: Path, name: str) -> None:
    touch(tmp_path, "videos/a.mp4", "videos/b.mp4", "c.mp4")
    write_text(tmp_path / name, "path,label,split\na.mp4,1,train\nb.mp4,0,TRAIN\nc.mp4,1,validation\n")
    assert available_splits(tmp_path) == ("train", "val")
    assert described(open_dataset(tmp_path, "train")) == [("a.mp4", "1"), ("b.mp4", "0")]
    assert described(open_dataset(tmp_path, "val")) == [("c.mp4", "1")]
    (tmp_path / name).rename(tmp_path / "train.csv")
    with pytest.raises(FileError, match=r"train\.csv:4: is of the split 'validation', expected 'train'"):
        open_dataset(tmp_path, "train")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("path,label,split\na.mp4,run,holdout\n", r"metadata\.csv:2: unknown split 'holdout'"),
        ("path,label\na.mp4,run\na.mp4,jump\n", r"metadata\.csv:3: a\.mp4 has another label before"),
        ("path,label,split\na.mp4,run,\n", r"metadata\.csv:2: has no path or no label, or no split"),
    ],
)
def test_tables_that_contradict_themselves_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    touch(tmp_path, "a.mp4")
    write_text(tmp_path / "metadata.csv", text)
    with pytest.raises(FileError, match=reason):
        open_dataset(tmp_path, "train")


def test_two_tables_of_all_splits_are_refused(tmp_path: Path) -> None:
    for name in ("old.csv", "new.csv"):
        write_text(tmp_path / name, "path,label,split\na.mp4,run,train\n")
    with pytest.raises(FileError, match=r"has several tables of clips: new\.csv, old\.csv"):
        open_dataset(tmp_path, "train")
