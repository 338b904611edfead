"""Every layout is recognised and read, and refused by name where it does not fit together."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tsdsl.data.datasets.open import available_splits, detect_kind, open_dataset
from tsdsl.data.layouts.records import ClipRecord
from tsdsl.data.settings import ClipSettings
from tsdsl.errors import FileError, UsageError


def touch(root: Path, *names: str) -> None:
    """Files with the names of videos; opening a data set decodes nothing."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def write_text(root: Path, name: str, text: str) -> None:
    root.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text, encoding="utf-8")


def write_something(root: Path, labels: object, entries: object, split: str = "validation") -> None:
    write_text(root, "labels.json", json.dumps(labels))
    write_text(root, f"{split}.json", json.dumps(entries))


def test_class_folders_are_sorted_and_splits_found_under_any_name(tmp_path: Path) -> None:
    touch(tmp_path, "train/run/b.mp4", "train/run/a.webm", "train/jump/c.AVI", "train/jump/notes.txt")
    touch(tmp_path, "validation/run/d.mp4", "train/.cache/x/e.mp4")
    train = open_dataset(tmp_path, "train")
    assert (train.kind, train.class_names) == ("folder", ("jump", "run"))
    assert train.clips_per_class == (1, 2)
    assert [record.path.name for record in train.records] == ["c.AVI", "a.webm", "b.mp4"]
    validation = open_dataset(tmp_path, "val")
    assert validation.class_names == ("jump", "run")
    assert validation.records == (ClipRecord(tmp_path / "validation/run/d.mp4", 1),)
    assert available_splits(tmp_path) == ("train", "val")


def test_links_to_folders_that_are_read_already_are_passed_over_and_counted(tmp_path: Path) -> None:
    touch(tmp_path, "train/left/a.mp4", "train/right/b.mp4", "elsewhere/c.mp4")
    (tmp_path / "train/right/up").symlink_to("..")
    (tmp_path / "train/right/here").symlink_to(".")
    (tmp_path / "train/right/more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "train/right/again").symlink_to(tmp_path / "elsewhere")
    train = open_dataset(tmp_path, "train")
    assert [record.path.name for record in train.records] == ["a.mp4", "b.mp4", "c.mp4"]
    assert [Path(link).name for link in train.passed_over] == ["here", "more", "up"]


@pytest.mark.parametrize("name", ["dataset.json", "train.csv", "classes.txt"])
def test_a_named_pipe_in_place_of_a_list_is_reported(tmp_path: Path, name: str) -> None:
    touch(tmp_path, "a.mp4")
    write_text(tmp_path, "train.csv", "a.mp4 0\n")
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)
    with pytest.raises(FileError, match=rf"{name}: is a named pipe, expected a file"):
        open_dataset(tmp_path, "train")


def test_class_folders_without_splits_are_the_train_split_only(tmp_path: Path) -> None:
    touch(tmp_path, "run/a.mp4", "jump/b.mp4")
    assert open_dataset(tmp_path, "train").num_classes == 2
    with pytest.raises(FileError, match="no folder for the split 'val'"):
        open_dataset(tmp_path, "val")


def test_a_class_that_only_validation_has_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "train/run/a.mp4", "val/swim/b.mp4")
    with pytest.raises(FileError, match="swim"):
        open_dataset(tmp_path, "train")


@pytest.mark.parametrize("line", ["{path} {label}", "{path},{label}", "0 {label} {path}", '"{path}",{label}'])
def test_kinetics_lists_in_every_form_and_with_spaces_in_paths(tmp_path: Path, line: str) -> None:
    clips = [("play guitar/a b.mp4", 1), ("abseiling/c.mp4", 0), ("abseiling/gone.mp4", 0)]
    touch(tmp_path, "play guitar/a b.mp4", "abseiling/c.mp4")
    text = "".join(line.format(path=path, label=label) + "\n" for path, label in clips)
    write_text(tmp_path, "train.csv", text)
    dataset = open_dataset(tmp_path, "train")
    assert dataset.kind == "kinetics-list"
    assert dataset.class_names == ("abseiling", "play guitar")
    assert [(record.path.name, record.label) for record in dataset.records] == [("a b.mp4", 1), ("c.mp4", 0)]
    assert dataset.missing == ("abseiling/gone.mp4",)


def test_flat_lists_take_names_from_classes_txt(tmp_path: Path) -> None:
    touch(tmp_path, "videos/a.mp4", "videos/b.mp4")
    write_text(tmp_path, "kinetics_val.txt", "a.mp4 0\nb.mp4 1\n")
    assert open_dataset(tmp_path, "val").class_names == ("0", "1")
    write_text(tmp_path, "classes.txt", "jump\nrun\n")
    assert open_dataset(tmp_path, "val").class_names == ("jump", "run")


def test_flat_lists_of_several_splits_share_their_classes(tmp_path: Path) -> None:
    touch(tmp_path, "train/a.mp4", "train/b.mp4", "val/c.mp4")
    write_text(tmp_path, "train.csv", "train/a.mp4 0\ntrain/b.mp4 2\n")
    write_text(tmp_path, "val.csv", "val/c.mp4 1\n")
    assert open_dataset(tmp_path, "val").class_names == ("0", "1", "2")


def test_a_label_beyond_classes_txt_names_the_line(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    write_text(tmp_path, "classes.txt", "jump\nrun\n")
    write_text(tmp_path, "train.csv", "a.mp4 0\na.mp4 2\n")
    with pytest.raises(FileError, match=r"train\.csv:2: label 2 is out of range") as caught:
        open_dataset(tmp_path, "train")
    assert caught.value.help


def test_lists_that_number_a_class_differently_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "run/a.mp4", "jump/b.mp4")
    write_text(tmp_path, "train.csv", "run/a.mp4 0\njump/b.mp4 1\n")
    write_text(tmp_path, "val.csv", "run/a.mp4 1\njump/b.mp4 0\n")
    with pytest.raises(FileError, match=r"'run' is labelled 0 in .*train\.csv and 1 in .*val\.csv"):
        open_dataset(tmp_path, "train")


@pytest.mark.parametrize("line", ["a.mp4", "a.mp4 one"])
def test_a_line_that_is_no_clip_names_its_number(tmp_path: Path, line: str) -> None:
    touch(tmp_path, "a.mp4")
    write_text(tmp_path, "train.csv", f"a.mp4 0\n{line}\n")
    with pytest.raises(FileError, match=r"train\.csv:2: is not `path label`"):
        open_dataset(tmp_path, "train")


OFFICIAL = "label,youtube_id,time_start,time_end,split,is_cc\n"


def test_official_csv_finds_cut_and_whole_videos_in_any_folder(tmp_path: Path) -> None:
    write_text(
        tmp_path,
        "kinetics400_val.csv",
        OFFICIAL + "play guitar,aaaaaaaaaaa,7,17,val,0\n"
        "abseiling,bbbbbbbbbbb,100,110,val,0\nabseiling,-ccccccccc_,3,13,val,1\n",
    )
    touch(tmp_path, "val/play_guitar/aaaaaaaaaaa_000007_000017.mp4", "flat/bbbbbbbbbbb.mkv")
    dataset = open_dataset(tmp_path, "val")
    assert dataset.kind == "kinetics-csv"
    assert dataset.class_names == ("abseiling", "play guitar")
    assert dataset.records == (
        ClipRecord(tmp_path / "val/play_guitar/aaaaaaaaaaa_000007_000017.mp4", 1),
        ClipRecord(tmp_path / "flat/bbbbbbbbbbb.mkv", 0, 100.0, 110.0),
    )
    assert dataset.missing == ("-ccccccccc__000003_000013",)


def test_official_csv_leaves_out_rows_of_other_splits(tmp_path: Path) -> None:
    write_text(tmp_path, "train.csv", OFFICIAL + "run,aaaaaaaaaaa,0,10,train,0\nrun,bbbbbbbbbbb,0,10,test,0\n")
    touch(tmp_path, "aaaaaaaaaaa.mp4", "bbbbbbbbbbb.mp4")
    assert [record.path.stem for record in open_dataset(tmp_path, "train").records] == ["aaaaaaaaaaa"]


def test_official_csv_with_broken_times_names_the_line(tmp_path: Path) -> None:
    write_text(tmp_path, "train.csv", OFFICIAL + "run,aaaaaaaaaaa,zero,10,train,0\n")
    with pytest.raises(FileError, match=r"train\.csv:2: time_start"):
        open_dataset(tmp_path, "train")


def test_something_something_reads_templates_and_refuses_flips(tmp_path: Path) -> None:
    write_something(
        tmp_path,
        {"Moving something up": "1", "Stuffing something into something": "0"},
        [
            {"id": "11", "template": "Stuffing [something] into [something]"},
            {"id": "12", "template": "Moving [something] up"},
            {"id": 13, "template": "Moving [something] up"},
        ],
    )
    touch(tmp_path, "20bn-something-something-v2/11.webm", "20bn-something-something-v2/12.mp4")
    dataset = open_dataset(tmp_path, "val")
    assert dataset.kind == "something-something-v2"
    assert dataset.class_names == ("Stuffing something into something", "Moving something up")
    assert [(record.path.name, record.label) for record in dataset.records] == [("11.webm", 0), ("12.mp4", 1)]
    assert dataset.missing == ("13",)
    assert not dataset.flip_allowed
    assert dataset.recommended == ClipSettings(sampling="segments", flip=False)


def test_something_something_under_its_release_names(tmp_path: Path) -> None:
    write_text(tmp_path, "something-something-v2-labels.json", '{"Moving something up": "0"}')
    write_text(tmp_path, "something-something-v2-train.json", '[{"id": "1", "template": "Moving [something] up"}]')
    touch(tmp_path, "videos/1.webm")
    assert len(open_dataset(tmp_path, "train").records) == 1
    assert available_splits(tmp_path) == ("train",)


@pytest.mark.parametrize(
    ("labels", "entries", "reason"),
    [
        ({"Moving something up": 1}, [], "not 0 to 0"),
        ({"A": 0, "B": 0}, [], "not 0 to 1"),
        (["Moving something up"], [], "not a map"),
        ({"A": 0}, [{"id": "1", "template": "B"}], "'B' is not in"),
        ({"A": 0}, [{"id": "1"}], "has no template"),
        ({"A": 0}, [{"template": "A"}], "has no id"),
        ({"A": 0}, {"id": "1"}, "not a list"),
    ],
)
def test_something_something_that_does_not_fit_together_is_refused(
    tmp_path: Path, labels: object, entries: object, reason: str
) -> None:
    write_something(tmp_path, labels, entries)
    with pytest.raises(FileError, match=reason):
        open_dataset(tmp_path, "val")


def test_json_that_is_cut_off_is_named_with_its_line(tmp_path: Path) -> None:
    write_text(tmp_path, "labels.json", '{"A": 0,\n')
    write_text(tmp_path, "train.json", "[]")
    with pytest.raises(FileError, match=r"labels\.json:2:1: is not JSON"):
        open_dataset(tmp_path, "train")


def test_the_kind_can_be_given(tmp_path: Path) -> None:
    touch(tmp_path, "train/run/a.mp4")
    write_text(tmp_path, "train.csv", "train/run/a.mp4 0\n")
    assert detect_kind(tmp_path) == "kinetics-list"
    assert open_dataset(tmp_path, "train", kind="folder").kind == "folder"
    with pytest.raises(UsageError, match="'ucf'"):
        open_dataset(tmp_path, "train", kind="ucf")


def test_a_missing_or_empty_folder_is_a_file_error_with_help(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="does not exist"):
        open_dataset(tmp_path / "nowhere", "train")
    with pytest.raises(FileError, match="has no clips") as caught:
        open_dataset(tmp_path, "train")
    assert caught.value.help


def test_lists_of_which_every_clip_is_missing_say_so(tmp_path: Path) -> None:
    write_text(tmp_path, "train.csv", "run/a.mp4 0\n")
    with pytest.raises(FileError, match=r"its list names 1, such as run/a\.mp4"):
        open_dataset(tmp_path, "train")


def test_an_unknown_split_is_a_usage_error(tmp_path: Path) -> None:
    touch(tmp_path, "run/a.mp4")
    with pytest.raises(UsageError, match="'holdout'"):
        open_dataset(tmp_path, "holdout")


def test_a_split_without_a_list_names_those_there_are(tmp_path: Path) -> None:
    touch(tmp_path, "run/a.mp4")
    write_text(tmp_path, "train.csv", "run/a.mp4 0\n")
    with pytest.raises(FileError, match="only train"):
        open_dataset(tmp_path, "val")


def test_a_description_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "run/a.mp4")
    write_text(tmp_path, "dataset.json", '{"kind": "folder", "flips": false}')
    with pytest.raises(FileError, match=r"dataset\.json: .*\(flips: Extra"):
        open_dataset(tmp_path, "train")
