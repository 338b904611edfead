"""Data sets in shards: the same clips as in folders, to the byte, and what is refused."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import pytest
import torch

from support.shard_files import write_shard
from support.video_files import write_video
from tsdsl.data import (
    ClipLoader,
    ClipSettings,
    ViewLoader,
    available_splits,
    index_dataset,
    open_dataset,
    pack_dataset,
    prepare_dataset,
    verify_dataset,
    write_shard_index,
)
from tsdsl.data.prepare import pack
from tsdsl.data.shards.index import expanded
from tsdsl.data.shards.storage import StorageError
from tsdsl.data.video.clips import read_centre_clip
from tsdsl.errors import FileError, UsageError

SETTINGS = ClipSettings(num_frames=4, rate=1.0, size_px=32, jitter_px=(32, 40), test_clips=2)


@pytest.fixture(scope="module")
def packed(class_folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shards") / "packed"
    pack_dataset(class_folders, root, shard_bytes=20_000)
    return root


def test_a_packed_data_set_has_the_same_clips_in_the_same_order(class_folders: Path, packed: Path) -> None:
    assert len(list(packed.glob("train-*.tar"))) > 1
    for split in ("train", "val"):
        folder, shards = open_dataset(class_folders, split), open_dataset(packed, split)
        assert shards.kind == "shards"
        assert shards.class_names == folder.class_names
        assert [record.label for record in shards.records] == [record.label for record in folder.records]
        assert shards.recommended == folder.recommended


def test_batches_and_views_are_those_of_the_folder_to_the_byte(class_folders: Path, packed: Path) -> None:
    def batches(root: Path, start: int = 0) -> list[tuple[torch.Tensor, torch.Tensor]]:
        loader = ClipLoader(open_dataset(root, "train"), SETTINGS, batch_size=5, seed=1)
        return [(batch.labels_B, batch.clips_BCTHW) for batch in loader.batches(2, start)]

    whole = batches(class_folders)
    torch.testing.assert_close(batches(packed), whole, rtol=0, atol=0)
    torch.testing.assert_close(batches(packed, start=1), whole[1:], rtol=0, atol=0)
    views = [next(ViewLoader(open_dataset(root, "val"), SETTINGS).batches()) for root in (class_folders, packed)]
    assert torch.equal(views[0].clips_BVCTHW, views[1].clips_BVCTHW)


def test_videos_of_all_containers_decode_from_shards_as_from_files(tmp_path: Path) -> None:
    (tmp_path / "folder" / "run").mkdir(parents=True)
    for suffix in ("mp4", "mkv", "avi", "ts", "mpg"):
        write_video(tmp_path / "folder" / "run" / f"{suffix}.{suffix}", 12)
    pack_dataset(tmp_path / "folder", tmp_path / "packed")
    pairs = zip(*(open_dataset(tmp_path / name, "train").records for name in ("folder", "packed")), strict=True)
    for in_folder, in_shard in pairs:
        assert torch.equal(read_centre_clip(in_folder, SETTINGS), read_centre_clip(in_shard, SETTINGS))


def test_packing_again_writes_the_same_bytes_and_keeps_what_is_written(
    class_folders: Path, packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = tmp_path / "again"
    shutil.copytree(packed, again)
    (again / "train-000001.tar").write_bytes(b"torn")
    (again / "train-000099.tar").write_bytes(b"stale")
    written: list[str] = []
    write = pack._write_shard
    monkeypatch.setattr(pack, "_write_shard", lambda path, clips: written.append(path.name) or write(path, clips))
    pack_dataset(class_folders, again, shard_bytes=20_000)
    assert written == ["train-000001.tar"]
    assert {path.name for path in again.glob("*.tar")} == {path.name for path in packed.glob("*.tar")}
    for path in packed.glob("*.tar"):
        assert (again / path.name).read_bytes() == path.read_bytes()


def test_samples_are_those_of_webdataset(packed: Path) -> None:
    with tarfile.open(packed / "train-000000.tar") as tar:
        names = tar.getnames()[:3]
        assert names == ["train/jump/0.cls", "train/jump/0.json", "train/jump/0.mp4"]
        contents = [tar.extractfile(name) for name in names[:2]]
        assert contents[0] is not None
        assert contents[0].read() == b"0"
        assert contents[1] is not None
        assert json.load(contents[1]) == {"label": 0, "class_name": "jump"}


def test_packing_and_preparing_a_packed_data_set_keep_its_clips(packed: Path, tmp_path: Path) -> None:
    pack_dataset(packed, tmp_path / "larger")
    assert index_dataset(tmp_path / "larger").splits[0].clips_per_class == (6, 6)
    prepare_dataset(packed, tmp_path / "prepared")
    assert index_dataset(tmp_path / "prepared").splits[1].clips_per_class == (3, 3)


def test_a_folder_of_shards_is_a_data_set_with_an_index_or_without(packed: Path, tmp_path: Path) -> None:
    for path in packed.glob("*.tar"):
        shutil.copy(path, tmp_path)
    without = open_dataset(tmp_path, "val")
    assert available_splits(tmp_path) == ("train", "val")
    assert without.class_names == ("jump", "run")
    report = write_shard_index(tmp_path)
    assert report.clips == {"train": 12, "val": 6}
    assert open_dataset(tmp_path, "val").records == without.records


def test_shards_elsewhere_are_named_by_patterns(packed: Path, tmp_path: Path) -> None:
    report = write_shard_index(tmp_path / "own", {"train": [str(packed / "train-{000000..000001}.tar")]})
    assert report.shards == {"train": 2}
    assert open_dataset(tmp_path / "own", "train").records[0].path == packed / "train-000000.tar/train/jump/0.mp4"


@pytest.mark.parametrize(
    ("pattern", "shards"),
    [
        ("a.tar", ["a.tar"]),
        ("a-{08..11}.tar", ["a-08.tar", "a-09.tar", "a-10.tar", "a-11.tar"]),
        ("{0..1}/{0..1}.tar", ["0/0.tar", "0/1.tar", "1/0.tar", "1/1.tar"]),
    ],
)
def test_a_pattern_counts_with_its_digits(pattern: str, shards: list[str]) -> None:
    assert expanded(pattern) == shards


@pytest.mark.parametrize("pattern", ["a-{3..1}.tar", "a-{0..99999999}.tar", "{0..999}{0..999}.tar"])
def test_a_pattern_of_no_or_too_many_shards_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError, match="must count up"):
        expanded(pattern)


def test_a_shard_that_changed_is_reported_when_opened_or_when_read(packed: Path, tmp_path: Path) -> None:
    root = tmp_path / "changed"
    shutil.copytree(packed, root)
    shard = root / "train-000000.tar"
    content = bytearray(shard.read_bytes())
    dataset = open_dataset(root, "train")
    shard.write_bytes(bytes(len(content)))
    with pytest.raises(StorageError, match=r"train-000000.tar: has changed since it was indexed"):
        next(ClipLoader(dataset, SETTINGS, batch_size=12, seed=0).batches(0))
    shard.write_bytes(content + bytes(512))
    with pytest.raises(FileError, match=r"train-000000.tar: has changed since it was indexed"):
        open_dataset(root, "train")


def test_a_bad_video_in_a_shard_is_reported_with_its_shard_and_replaced(packed: Path, tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", 12).read_bytes()
    files = {"a.mp4": video, "a.cls": b"0", "b.mp4": b"junk", "b.cls": b"1"}
    write_shard(tmp_path / "x" / "train-0.tar", files)
    report = verify_dataset(tmp_path / "x")
    assert [path for path, _ in report.bad] == [tmp_path / "x" / "train-0.tar" / "b.mp4"]
    loader = ClipLoader(open_dataset(tmp_path / "x", "train"), SETTINGS, batch_size=2, seed=0)
    assert next(loader.batches(0)).labels_B.tolist() == [0, 0]
    assert len(loader.skipped) == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("split,shard\n", "shards.csv:1: is not a line"),
        ("train,a.tar,9000,x.mp4,512,many,0\n", "shards.csv:2: is not a line"),
        ("train,a.tar,9000,x.mp4,512,9000,0\n", "the clip is not inside the shard"),
        ("train,a.tar,9000,x.mp4,-512,10,0\n", "the clip is not inside the shard"),
        ("trial,a.tar,9000,x.mp4,512,10,0\n", "unknown split 'trial'"),
        ("train,a.tar,9000,x.mp4,512\n", "not enough values"),
        ("train,a.tar,9000,x.mp4,512,10,0\n", "a.tar: cannot be read"),
        ("train,ftp://h/a.tar,9000,x.mp4,512,10,0\n", "unknown scheme 'ftp'"),
    ],
)
def test_an_index_that_is_none_is_refused(line: str, message: str, tmp_path: Path) -> None:
    header = "" if line.startswith("split") else "split,shard,shard_bytes,member,offset,size_bytes,label\n"
    (tmp_path / "shards.csv").write_text(header + line)
    with pytest.raises((FileError, UsageError), match=message):
        open_dataset(tmp_path, "train")


def test_what_cannot_be_packed_or_indexed_is_refused(class_folders: Path, packed: Path, tmp_path: Path) -> None:
    (tmp_path / "kinetics").mkdir()
    shutil.copy(class_folders / "train" / "run" / "0.mp4", tmp_path / "kinetics" / "ID.mp4")
    table = "label,youtube_id,time_start,time_end,split\nrun,ID,0,1,train\n"
    (tmp_path / "kinetics" / "train.csv").write_text(table)
    with pytest.raises(UsageError, match="its clips are parts of videos"):
        pack_dataset(tmp_path / "kinetics", tmp_path / "out")
    with pytest.raises(UsageError, match="was started with other settings: shard_bytes"):
        pack_dataset(class_folders, packed, shard_bytes=30_000)
    with pytest.raises(FileError, match="has no shards"):
        write_shard_index(tmp_path / "empty")
    write_shard(tmp_path / "two" / "train-0.tar", {"a.mp4": b"v", "a.cls": b"0"})
    write_shard(tmp_path / "two" / "other.tar", {"a.mp4": b"v", "a.cls": b"0"})
    with pytest.raises(FileError, match=r"train-0.tar is named after a split, and other.tar is not"):
        index_dataset(tmp_path / "two")
    write_shard(tmp_path / "none" / "a.tar", {"README.md": b"x"})
    with pytest.raises(FileError, match=r"a.tar: has no clips"):
        index_dataset(tmp_path / "none")
