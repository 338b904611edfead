"""Data sets as the scripts of other projects leave them: read as they are meant, or refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from support.frame_files import write_frames
from tsdsl.data import VideoDataset, index_dataset, open_dataset
from tsdsl.errors import FileError


def touch(root: Path, *names: str) -> None:
    """Empty files: opening a data set decodes nothing."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def write(root: Path, **texts: str) -> None:
    for name, text in texts.items():
        (root / name).write_bytes(text.encode())


def clips(dataset: VideoDataset) -> dict[str, str]:
    """The class of each clip by its path below the folder."""
    root = dataset.root
    return {str(record.path.relative_to(root)): dataset.class_names[record.label] for record in dataset.records}


def diving48(root: Path) -> None:
    touch(root, "rgb/a_00.mp4", "rgb/b_01.mp4")
    for split, name in (("train", "a_00"), ("test", "b_01")):
        entry = {"vid_name": name, "label": 0, "start_frame": 0, "end_frame": 9}
        (root / f"Diving48_V2_{split}.json").write_text(json.dumps([entry]))


def huggingface_lines(root: Path) -> None:
    touch(root, "train/a.mp4", "validation/a.mp4")
    lines = [json.dumps({"file_name": f"{split}/a.mp4", "label": "run"}) for split in ("train", "validation")]
    (root / "metadata.jsonl").write_text("\n".join(lines))


def huggingface_csv(root: Path) -> None:
    touch(root, "train/a.mp4", "test/b.mp4")
    (root / "metadata.csv").write_text("file_name,label\ntrain/a.mp4,run\ntest/b.mp4,run\n")


def kaggle_ucf(root: Path) -> None:
    touch(root, "train/Archery/v_1.avi", "val/Archery/v_2.avi")
    for split, name in (("train", "v_1"), ("val", "v_2")):
        row = f"{name},/{split}/Archery/{name}.avi,Archery"
        (root / f"{split}.csv").write_text(f"clip_name,clip_path,label\n{row}\n")


def windows_drive(root: Path) -> None:
    touch(root, "clips/a.mp4", "clips/b.mp4")
    (root / "train.csv").write_text("D:\\me\\set\\clips\\a.mp4,run\r\n")
    (root / "val.csv").write_text("D:\\me\\set\\clips\\b.mp4,run\r\n")


def other_suffix(root: Path) -> None:
    touch(root, "videos/run/a.mp4", "videos/run/b.webm")
    (root / "train.txt").write_text("run/a.avi 0\n")
    (root / "val.txt").write_text("run/b.avi 0\n")


def in_annotations(root: Path) -> None:
    touch(root, "videos/a.mp4", "videos/b.mp4", "annotations/x")
    write(root / "annotations", **{"train.txt": "a.mp4 0\n", "val.txt": "b.mp4 0\n", "label_map.txt": "run\n"})


def tab_separated(root: Path) -> None:
    touch(root, "videos/a b.mp4", "videos/c.mp4")
    (root / "train.tsv").write_text("path\tlabel\na b.mp4\tpick up\n")
    (root / "val.tsv").write_text("path\tlabel\nc.mp4\tpick up\n")


def identifiers(root: Path) -> None:
    touch(root, "videos/a.mp4", "videos/c.mp4")
    (root / "train.csv").write_text("video_id,n,class\na,5,run\n")
    (root / "val.csv").write_text("video_id,n,class\nc,5,run\n")


def floats_of_pandas(root: Path) -> None:
    touch(root, "a.mp4", "b.mp4")
    (root / "train.csv").write_text(",path,label\n0,a.mp4,0.0\n")
    (root / "val.csv").write_text(",path,label\n0,b.mp4,0.0\n")


def semicolons(root: Path) -> None:
    touch(root, "a.mp4", "b.mp4")
    (root / "train.csv").write_text("a.mp4;0\n")
    (root / "val.csv").write_text("b.mp4;0\n")


def labels_of_splits(root: Path) -> None:
    touch(root, "videos/a.mp4", "videos/b.mp4", "annotations/x")
    (root / "annotations" / "train_labels.csv").write_text("filename,label\na.mp4,run\n")
    (root / "annotations" / "val_labels.csv").write_text("filename,label\nb.mp4,run\n")


def json_by_path(root: Path) -> None:
    touch(root, "videos/a.mp4", "videos/b.mp4")
    (root / "train.json").write_text('{"a.mp4": "run"}')
    (root / "val.json").write_text('{"b.mp4": "run"}')


def resized_kinetics(root: Path) -> None:
    touch(root, "train_256/run/a.mp4", "val_256/run/b.mp4")


def names_in_a_csv(root: Path) -> None:
    touch(root, "a.mp4", "b.mp4")
    texts = {"train.csv": "a.mp4 0\n", "val.csv": "b.mp4 0\n", "kinetics_400_labels.csv": "id,name\n0,air drumming\n"}
    write(root, **texts)


def accents_of_macos(root: Path) -> None:
    touch(root, "videos/caf\u00e9.mp4", "videos/e\u0301.mp4")
    (root / "train.txt").write_text("cafe\u0301.mp4 0\n")
    (root / "val.txt").write_text("\u00e9.mp4 0\n")


def split_called_dev(root: Path) -> None:
    touch(root, "train/run/a.mp4", "dev/run/b.mp4", "__MACOSX/._x", "train/__MACOSX/._a.mp4")


READ: dict[Callable[[Path], None], tuple[dict[str, dict[str, str]], str]] = {
    diving48: ({"train": {"rgb/a_00.mp4": "0"}, "test": {"rgb/b_01.mp4": "0"}}, "table"),
    huggingface_lines: ({"train": {"train/a.mp4": "run"}, "val": {"validation/a.mp4": "run"}}, "table"),
    huggingface_csv: ({"train": {"train/a.mp4": "run"}, "test": {"test/b.mp4": "run"}}, "table"),
    kaggle_ucf: (
        {"train": {"train/Archery/v_1.avi": "Archery"}, "val": {"val/Archery/v_2.avi": "Archery"}},
        "kinetics-list",
    ),
    windows_drive: ({"train": {"clips/a.mp4": "run"}, "val": {"clips/b.mp4": "run"}}, "kinetics-list"),
    other_suffix: ({"train": {"videos/run/a.mp4": "run"}, "val": {"videos/run/b.webm": "run"}}, "kinetics-list"),
    in_annotations: ({"train": {"videos/a.mp4": "run"}, "val": {"videos/b.mp4": "run"}}, "kinetics-list"),
    tab_separated: ({"train": {"videos/a b.mp4": "pick up"}, "val": {"videos/c.mp4": "pick up"}}, "kinetics-list"),
    identifiers: ({"train": {"videos/a.mp4": "run"}, "val": {"videos/c.mp4": "run"}}, "kinetics-list"),
    floats_of_pandas: ({"train": {"a.mp4": "0"}, "val": {"b.mp4": "0"}}, "kinetics-list"),
    semicolons: ({"train": {"a.mp4": "0"}, "val": {"b.mp4": "0"}}, "kinetics-list"),
    labels_of_splits: ({"train": {"videos/a.mp4": "run"}, "val": {"videos/b.mp4": "run"}}, "kinetics-list"),
    json_by_path: ({"train": {"videos/a.mp4": "run"}, "val": {"videos/b.mp4": "run"}}, "table"),
    resized_kinetics: ({"train": {"train_256/run/a.mp4": "run"}, "val": {"val_256/run/b.mp4": "run"}}, "folder"),
    names_in_a_csv: ({"train": {"a.mp4": "air drumming"}, "val": {"b.mp4": "air drumming"}}, "kinetics-list"),
    accents_of_macos: (
        {"train": {"videos/caf\u00e9.mp4": "0"}, "val": {"videos/e\u0301.mp4": "0"}},
        "kinetics-list",
    ),
    split_called_dev: ({"train": {"train/run/a.mp4": "run"}, "val": {"dev/run/b.mp4": "run"}}, "folder"),
}


@pytest.mark.parametrize("make", READ, ids=lambda make: make.__name__)
def test_clips_are_of_the_split_and_class_that_the_release_means(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path)
    expected, kind = READ[make]
    found = index_dataset(tmp_path)
    assert found.kind == kind
    assert {dataset.split: clips(dataset) for dataset in found.splits} == expected


def test_jester_is_folders_of_frames_by_number(tmp_path: Path) -> None:
    for number in (1, 2):
        write_frames(tmp_path / "20bn-jester-v1" / str(number), 2, name="{:05d}.jpg")
    (tmp_path / "jester-v1-train.csv").write_text("1;Swiping Left\n2;Thumb Up\n")
    (tmp_path / "jester-v1-test.csv").write_text("3\n4\n")
    found = index_dataset(tmp_path)
    assert found.unlabelled == ("test",)
    assert clips(found.splits[0]) == {"20bn-jester-v1/1": "Swiping Left", "20bn-jester-v1/2": "Thumb Up"}
    assert found.splits[0].frames_fps == 30


def test_the_lists_of_tsn_are_those_of_rgb_and_of_the_first_split(tmp_path: Path) -> None:
    for name in "ab":
        write_frames(tmp_path / "rawframes" / name, 2)
    for stream, number, lines in (("flow", 1, "b 2 0"), ("rgb", 1, "a 2 1"), ("rgb", 2, "b 2 0")):
        (tmp_path / f"ucf101_{stream}_train_split_{number}.txt").write_text(f"/old/rawframes/{lines}\n")
    (tmp_path / "classInd.txt").write_text("1 Archery\n")
    assert clips(open_dataset(tmp_path, "train")) == {"rawframes/a": "Archery"}


def test_lists_of_ucf101_are_found_in_the_folder_that_the_archive_makes(tmp_path: Path) -> None:
    touch(tmp_path, "UCF101/UCF-101/Archery/v_Archery_g08_c01.mp4")
    lists = tmp_path / "UCF101TrainTestSplits-RecognitionTask" / "ucfTrainTestlist"
    touch(lists, "x")
    write(lists, **{"trainlist01.txt": "Archery/v_Archery_g08_c01.avi 1\r\n", "classInd.txt": "1 Archery\r\n"})
    assert list(clips(open_dataset(tmp_path, "train")).values()) == ["Archery"]


def test_numbers_before_the_names_in_a_list_of_classes_are_no_part_of_them(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    write(tmp_path, **{"train.txt": "a.mp4 0\nb.mp4 1\n", "classes.txt": "0 run\n1 pick up\n"})
    assert open_dataset(tmp_path, "train").class_names == ("run", "pick up")


def test_two_videos_that_a_list_may_mean_are_neither(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "a.webm", "b.mp4")
    (tmp_path / "train.txt").write_text("a.avi 0\nb.avi 1\n")
    dataset = open_dataset(tmp_path, "train")
    assert dataset.missing == ("a.avi",)


def test_a_test_split_that_was_not_downloaded_is_a_warning(tmp_path: Path) -> None:
    touch(tmp_path, "train/a_000001_000011.mp4")
    header = "label,youtube_id,time_start,time_end,split\n"
    write(tmp_path, **{"train.csv": f"{header}run,a,1,11,train\n", "test.csv": f"{header}run,b,1,11,test\n"})
    found = index_dataset(tmp_path)
    assert [dataset.split for dataset in found.splits] == ["train"]
    assert any("'test' has no clips; its list names 1, such as b_000001_000011" in text for text in found.concerns)


def test_two_classes_of_nearly_one_name_are_a_warning(tmp_path: Path) -> None:
    touch(tmp_path, "train/Pick_up/a.mp4", "train/pick up/b.mp4", "train/run/c.mp4")
    (warning,) = [text for text in index_dataset(tmp_path).concerns if "nearly one name" in text]
    assert "'Pick_up' and 'pick up'" in warning


def test_folders_beside_those_of_splits_and_repeated_lines_are_warnings(tmp_path: Path) -> None:
    touch(tmp_path, "train/run/a.mp4", "val/run/b.mp4", "extra/run/c.mp4")
    assert any("other folders are not read: 'extra'" in text for text in index_dataset(tmp_path).concerns)
    listed = tmp_path / "extra" / "run"
    (listed / "train.txt").write_text("c.mp4 0\nc.mp4 0\n")
    assert any("1 train clips are listed more than once, such as" in text for text in index_dataset(listed).concerns)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"train.csv": "url,label\nhttps://x/a,run\n"}, r"train.csv:1: its columns are 'url,label', expected one of"),
        ({"train.csv": "ÿþ"}, "is UTF-16, expected UTF-8"),
        ({"metadata.parquet": "PAR1"}, "files of other formats are not read, 'metadata.parquet'"),
        ({"UCF101.zip": "PK"}, "files of other formats are not read, 'UCF101.zip': unpack archives"),
        ({"ava_train_v2.2.csv": "abc,0902,0.1,0.2,0.3,0.8,80,1\n"}, "no known list of clips: 'ava_train_v2.2.csv'"),
        ({"v1_train.json": '[{"path": "a", "label": 0}]', "v2_train.json": '[{"path": "a", "label": 0}]'}, "several"),
        ({"metadata.jsonl": '{"path": "a", "label": [1]}'}, "metadata.jsonl:1: has no path or no label"),
        ({"metadata.jsonl": '{"path": "a", "label": 1}\n3'}, "metadata.jsonl:2: is not a clip"),
    ],
)
def test_what_cannot_be_read_is_named(files: dict[str, str], message: str, tmp_path: Path) -> None:
    touch(tmp_path, "videos/a.mp4")
    for name, text in files.items():
        (tmp_path / name).write_bytes(text.encode("latin-1"))
    with pytest.raises(FileError, match=message):
        index_dataset(tmp_path)
