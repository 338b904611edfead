"""UCF101, HMDB51, Something-Something V2 and Kinetics are read as distributed or as downloaders leave them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.listed_files import touch, write_text
from tsdsl.cli.main import run
from tsdsl.data import available_splits, open_dataset
from tsdsl.data.layouts.records import VideoDataset
from tsdsl.errors import FileError


def described(dataset: VideoDataset) -> list[tuple[str, str]]:
    """(clip, class) of each record."""
    return [(record.path.stem, dataset.class_names[record.label]) for record in dataset.records]


def write_ucf101(root: Path, videos: str = "UCF-101", lists: str = "ucfTrainTestlist") -> None:
    """Two classes in an order that is not alphabetical, CRLF, labels from 1; clip 1 tests, in split 2 it is clip 2."""
    write_text(root / lists / "classInd.txt", "1 Yo Yo\r\n2 Archery\r\n")
    touch(root / videos, *(f"{name}/v_{name}_g0{n}_c01.avi" for name in ("Yo Yo", "Archery") for n in (1, 2, 3)))
    for number in (1, 2):
        clips = [
            (f"{name}/v_{name}_g0{n}_c01.avi", label, n)
            for name, label in (("Yo Yo", 1), ("Archery", 2))
            for n in (1, 2, 3)
        ]
        train = "".join(f"{clip} {label}\r\n" for clip, label, n in clips if n != number)
        test = "".join(f"{clip}\r\n" for clip, _, n in clips if n == number)
        write_text(root / lists / f"trainlist0{number}.txt", train)
        write_text(root / lists / f"testlist0{number}.txt", test)


@pytest.mark.parametrize(("videos", "lists"), [("UCF-101", "ucfTrainTestlist"), ("", ""), ("", "splits")])
def test_ucf101_as_distributed_or_with_lists_beside_the_class_folders(tmp_path: Path, videos: str, lists: str) -> None:
    write_ucf101(tmp_path, videos, lists)
    train, test = open_dataset(tmp_path, "train"), open_dataset(tmp_path, "test")
    assert (train.kind, train.class_names, train.split_number) == ("ucf101", ("Yo Yo", "Archery"), 1)
    assert described(test) == [("v_Yo Yo_g01_c01", "Yo Yo"), ("v_Archery_g01_c01", "Archery")]
    assert train.clips_per_class == (2, 2)
    assert not {record.path for record in train.records} & {record.path for record in test.records}
    assert available_splits(tmp_path) == ("train", "test")
    with pytest.raises(FileError, match="no list for the split 'val', only test, train"):
        open_dataset(tmp_path, "val")


def test_the_number_of_an_official_split_is_in_the_description(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_ucf101(tmp_path)
    write_text(tmp_path / "dataset.json", '{"kind": "ucf101", "split_number": 2}')
    assert described(open_dataset(tmp_path, "test"))[0] == ("v_Yo Yo_g02_c01", "Yo Yo")
    assert run(["data", "index", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    assert "(ucf101, official split 2, 2 classes)" in printed.out
    assert "classes: 'Yo Yo' (0) to 'Archery' (1)" in printed.out
    assert "has no validation split" in printed.err
    assert run(["data", "index", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["split_number"] == 2
    write_text(tmp_path / "dataset.json", '{"kind": "ucf101", "split_number": 4}')
    with pytest.raises(FileError, match=r"has no trainlist04\.txt; official splits: 1, 2"):
        open_dataset(tmp_path, "train")


def test_ucf101_without_class_index_numbers_as_the_training_list_and_counts_missing_and_reencoded_clips(
    tmp_path: Path,
) -> None:
    write_ucf101(tmp_path)
    (tmp_path / "ucfTrainTestlist/classInd.txt").unlink()
    archery = tmp_path / "UCF-101/Archery"
    (archery / "v_Archery_g02_c01.avi").unlink()
    (archery / "v_Archery_g03_c01.avi").rename(archery / "v_Archery_g03_c01.mp4")
    train = open_dataset(tmp_path, "train")
    assert train.class_names == ("Yo Yo", "Archery")
    assert train.clips_per_class == (2, 1)
    assert train.missing == ("Archery/v_Archery_g02_c01.avi",)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("trainlist01.txt", "Archery/v_Archery_g02_c01.avi 1\n", r"trainlist01\.txt:1: .* class number 1, expected 2"),
        ("testlist01.txt", "\nSwing/v_Swing_g01_c01.avi\n", r"testlist01\.txt:2: the class 'Swing' is not among the 2"),
        ("testlist01.txt", "v_Swing_g01_c01.avi\n", r"testlist01\.txt:1: is not `CLASS/CLIP`"),
        ("classInd.txt", "1 Yo Yo\n1 Archery\n", r"classInd\.txt: gives two classes the number 1"),
        ("classInd.txt", "1 Yo Yo\n3 Archery\n", r"classInd\.txt: its 2 numbers have gaps"),
        ("classInd.txt", "Archery\n", r"classInd\.txt: is not `NUMBER CLASS`"),
    ],
)
def test_lists_of_ucf101_that_contradict_each_other_are_refused(
    tmp_path: Path, name: str, text: str, reason: str
) -> None:
    write_ucf101(tmp_path)
    write_text(tmp_path / "ucfTrainTestlist" / name, text)
    with pytest.raises(FileError, match=reason):
        open_dataset(tmp_path, "train")


def write_hmdb51(root: Path, videos: str) -> None:
    for name in ("wave", "brush_hair"):
        for number in (1, 2):
            uses = {"a.avi": 1, "b.avi": 3 - number, "c[1]#2.avi": 2, "d.avi": 0}
            lines = "".join(f"{name}_{clip} {use} \r\n" for clip, use in uses.items())
            write_text(root / f"testTrainMulti_7030_splits/{name}_test_split{number}.txt", lines)
        touch(root / videos, *(f"{name}/{name}_{clip}" for clip in ("a.avi", "b.avi", "c[1]#2.avi", "d.avi")))


@pytest.mark.parametrize("videos", ["hmdb51_org", "."])
def test_hmdb51_as_distributed(tmp_path: Path, videos: str) -> None:
    write_hmdb51(tmp_path, videos)
    train, test = open_dataset(tmp_path, "train"), open_dataset(tmp_path, "test")
    assert (train.kind, train.class_names, train.split_number) == ("hmdb51", ("brush_hair", "wave"), 1)
    assert described(train) == [("brush_hair_a", "brush_hair"), ("wave_a", "wave")]
    assert described(test)[:2] == [("brush_hair_b", "brush_hair"), ("brush_hair_c[1]#2", "brush_hair")]
    write_text(tmp_path / "dataset.json", '{"kind": "hmdb51", "split_number": 2}')
    assert described(open_dataset(tmp_path, "train"))[:2] == [
        ("brush_hair_a", "brush_hair"),
        ("brush_hair_b", "brush_hair"),
    ]
    assert available_splits(tmp_path) == ("train", "test")
    with pytest.raises(FileError, match="HMDB51 has no split 'val', only train and test"):
        open_dataset(tmp_path, "val")


def test_lists_of_hmdb51_with_other_uses_name_the_line_and_other_split_numbers_are_refused(tmp_path: Path) -> None:
    write_hmdb51(tmp_path, "hmdb51_org")
    write_text(tmp_path / "testTrainMulti_7030_splits/wave_test_split1.txt", "wave_a.avi 1\nwave_b.avi 3\n")
    with pytest.raises(FileError, match=r"wave_test_split1\.txt:2: is not `CLIP USE`"):
        open_dataset(tmp_path, "train")
    write_text(tmp_path / "dataset.json", '{"kind": "hmdb51", "split_number": 3}')
    with pytest.raises(FileError, match=r"CLASS_test_split3\.txt; official splits: 1, 2"):
        open_dataset(tmp_path, "train")


def test_classes_selected_from_ucf101_have_its_splits(tmp_path: Path) -> None:
    write_ucf101(tmp_path / "ucf")
    write_text(tmp_path / "ucf/dataset.json", '{"kind": "ucf101", "split_number": 2}')
    assert run(["data", "select", str(tmp_path / "ucf"), str(tmp_path / "mini"), "--classes", "2"]) == 0
    assert described(open_dataset(tmp_path / "mini", "test"))[0] == ("v_Yo Yo_g02_c01", "Yo Yo")


def test_a_validation_list_of_ones_own_is_the_validation_split_of_ucf101(tmp_path: Path) -> None:
    write_ucf101(tmp_path)
    write_text(tmp_path / "ucfTrainTestlist/vallist01.txt", "Yo Yo/v_Yo Yo_g03_c01.avi 1\r\n")
    assert available_splits(tmp_path) == ("train", "val", "test")
    assert described(open_dataset(tmp_path, "val")) == [("v_Yo Yo_g03_c01", "Yo Yo")]


def test_something_something_as_distributed_has_its_lists_in_a_folder_and_a_test_split_without_classes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    touch(tmp_path, *(f"20bn-something-something-v2/{number}.webm" for number in range(4)))
    write_text(tmp_path / "labels/labels.json", '{"Moving something down": "0", "Moving something up": "1"}')
    for split, numbers in (("train", (0, 1)), ("validation", (2,))):
        entries = [{"id": str(number), "template": "Moving [something] up"} for number in numbers]
        write_text(tmp_path / f"labels/{split}.json", json.dumps(entries))
    write_text(tmp_path / "labels/test.json", '[{"id": "3"}]')
    train = open_dataset(tmp_path, "train")
    assert (train.kind, train.clips_per_class) == ("something-something-v2", (0, 2))
    assert available_splits(tmp_path) == ("train", "val")
    with pytest.raises(FileError, match="clip 3 has no template"):
        open_dataset(tmp_path, "test")
    assert run(["data", "index", str(tmp_path)]) == 0
    assert "test: its list has no classes, so it is not read" in capsys.readouterr().out
    assert run(["data", "index", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unlabelled"] == ["test"]


@pytest.mark.parametrize("lists", ["annotations", ""])
def test_kinetics_as_cvdf_distributes_it(tmp_path: Path, lists: str) -> None:
    header = "label,youtube_id,time_start,time_end,split\n"
    write_text(tmp_path / lists / "train.csv", header + '"moving, up",-a,1,11,train\ndown,b,0,10,train\n')
    write_text(tmp_path / lists / "val.csv", header + "down,--c,4,14,validate\n")
    write_text(tmp_path / lists / "test.csv", "youtube_id,time_start,time_end,split\nd,6,16,test\n")
    touch(tmp_path, "train/-a_000001_000011.mp4", "train/b_000000_000010.mp4", "val/--c_000004_000014.mp4")
    touch(tmp_path, "test/d_000006_000016.mp4")
    assert available_splits(tmp_path) == ("train", "val")
    train, validation = open_dataset(tmp_path, "train"), open_dataset(tmp_path, "val")
    assert train.class_names == ("down", "moving, up")
    assert (train.clips_per_class, validation.clips_per_class) == ((1, 1), (1, 0))


def test_kinetics_as_downloaders_leave_it(tmp_path: Path) -> None:
    header = "label, youtube_id, time_start, time_end, split\r\n"
    rows = "up , aa, 1, 11, train\r\nup, bb, 5, 15, train\r\ndown, cc, 0, 10, train\r\n"
    write_text(tmp_path / "train.csv", header + rows)
    touch(tmp_path, "train/aa.mp4.webm", "up/bb_5_15.mp4.mkv", "cc_000000_000010.mp4")
    dataset = open_dataset(tmp_path, "train")
    assert dataset.class_names == ("down", "up")
    assert [(record.path.name, record.label, record.start_s) for record in dataset.records] == [
        ("aa.mp4.webm", 1, 1.0),
        ("bb_5_15.mp4.mkv", 1, None),
        ("cc_000000_000010.mp4", 0, None),
    ]
