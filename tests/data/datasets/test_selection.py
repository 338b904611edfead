"""Some classes of a data set as a data set of their own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tsdsl.data import available_splits, index_dataset, open_dataset, select_classes
from tsdsl.errors import FileError, UsageError


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A Kinetics list of 12 classes, two training clips and one validation clip each."""
    root = tmp_path / "kinetics"
    for split, count in (("train", 2), ("val", 1)):
        lines = []
        for label in range(12):
            for clip in range(count):
                path = root / split / f"class {label:02d}" / f"{clip}.mp4"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"x")
                lines.append(f"{path},{label}")
        (root / f"{split}.csv").write_text("\n".join(lines))
    return root


def test_both_splits_have_the_clips_of_the_classes_chosen_and_the_record_names_them(
    source: Path, tmp_path: Path
) -> None:
    report = select_classes(source, tmp_path / "mini", 5, seed=3)
    record = json.loads((tmp_path / "mini" / "dataset.json").read_text())["selection"]
    assert (record["seed"], record["of_classes"], record["source"]) == (3, 12, str(source))
    assert available_splits(tmp_path / "mini") == ("train", "val")
    for split, count in (("train", 2), ("val", 1)):
        dataset = open_dataset(tmp_path / "mini", split)
        assert list(dataset.class_names) == record["classes"] == list(report.selection.classes)
        assert dataset.clips_per_class == (count,) * 5
        assert (dataset.kind, dataset.root) == ("kinetics-list", tmp_path / "mini")
        for clip in dataset.records:
            assert clip.path.parent.name == dataset.class_names[clip.label]
    assert index_dataset(tmp_path / "mini").class_names == tuple(record["classes"])


def test_the_seed_chooses_and_the_same_one_the_same(source: Path, tmp_path: Path) -> None:
    chosen = {n: select_classes(source, tmp_path / n, 5, seed).selection.classes for n, seed in (("a", 1), ("b", 2))}
    assert chosen["a"] != chosen["b"]
    assert select_classes(source, tmp_path / "c", 5, 1).selection.classes == chosen["a"]
    assert select_classes(source, tmp_path / "a", 5, 1).selection.classes == chosen["a"], "again into the same folder"
    # Written down from a first run: the choice is part of what a run records, so it must never change.
    assert chosen["a"] == ("class 03", "class 04", "class 07", "class 08", "class 09")


def test_what_is_there_is_not_overwritten(source: Path, tmp_path: Path) -> None:
    select_classes(source, tmp_path / "mini", 5, 1)
    for folder in (tmp_path / "mini", source):
        with pytest.raises(UsageError, match="contains another data set"):
            select_classes(source, folder, 6, 1)


def test_a_source_that_is_gone_or_lacks_a_class_is_told(source: Path, tmp_path: Path) -> None:
    select_classes(source, tmp_path / "mini", 12, 1)
    (source / "classes.txt").write_text("\n".join(f"class {label:02d}x" for label in range(12)))
    with pytest.raises(FileError, match=r"mini: .*kinetics has no class 'class 00', nor 11 more"):
        open_dataset(tmp_path / "mini", "train")
    shutil.rmtree(source)
    with pytest.raises(FileError, match=r"mini: selects 12 classes of .*kinetics, which does not exist"):
        open_dataset(tmp_path / "mini", "train")


def test_more_classes_than_there_are_is_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot choose 13 of"):
        select_classes(source, tmp_path / "mini", 13)


def test_classes_are_selected_where_the_videos_of_a_test_split_are_missing(source: Path, tmp_path: Path) -> None:
    (source / "test.csv").write_text("test/class 00/0.mp4,0\n")
    report = select_classes(source, tmp_path / "mini", 5)
    assert [dataset.split for dataset in report.splits] == ["train", "val"]


def test_classes_are_selected_by_name_however_it_is_written(source: Path, tmp_path: Path) -> None:
    report = select_classes(source, tmp_path / "named", ["Class_07", "class 02"])
    assert report.selection.classes == ("class 02", "class 07")
    assert report.selection.seed is None
    assert {record.path.parent.name for record in open_dataset(tmp_path / "named", "val").records} == {
        "class 02",
        "class 07",
    }


def test_a_class_that_is_not_there_or_named_twice_is_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no class 'class 7'") as caught:
        select_classes(source, tmp_path / "mini", ["class 7", "class 01"])
    assert "did you mean 'class 07'" in str(caught.value.help)
    with pytest.raises(UsageError, match="a class is named twice among 'class 01', 'class 01'"):
        select_classes(source, tmp_path / "mini", ["class 01", "class 01"])
    assert not (tmp_path / "mini").exists()
