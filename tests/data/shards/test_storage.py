"""Shards by URL, from a server of this machine: the same clips by ranges, and what happens where it fails."""

from __future__ import annotations

import pickle
import socket
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from support.shard_files import served, write_shard
from tsdsl.cli.data import app
from tsdsl.data import ClipLoader, ClipSettings, SkippedClips, open_dataset, pack_dataset, write_shard_index
from tsdsl.data.datasets.own_videos import own_videos
from tsdsl.data.layouts.records import UNLABELLED, ClipRecord
from tsdsl.data.loading.workers import _collate, note_failures
from tsdsl.data.shards import storage
from tsdsl.data.shards.storage import StorageError, is_remote, timeout_s
from tsdsl.data.video.clips import read_centre_clip
from tsdsl.errors import UsageError

pytest.importorskip("aiohttp")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
SETTINGS = ClipSettings(num_frames=4, rate=1.0, size_px=32, jitter_px=(32, 40))


@pytest.fixture(scope="module")
def packed(class_folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("remote") / "packed"
    pack_dataset(class_folders, root, shard_bytes=20_000)
    return root


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "PAUSE_S", 0.0)


def first_batch(root: Path) -> torch.Tensor:
    loader = ClipLoader(open_dataset(root, "train"), SETTINGS, batch_size=6, seed=0)
    return next(loader.batches(1)).clips_BCTHW


def test_clips_by_url_are_those_of_the_files(packed: Path, tmp_path: Path) -> None:
    with served(packed) as url:
        report = write_shard_index(tmp_path, {"train": [f"{url}/train-{{000000..000001}}.tar"]})
        assert report.shards == {"train": 2}
        write_shard_index(tmp_path / "local", {"train": [str(packed / "train-{000000..000001}.tar")]})
        assert torch.equal(first_batch(tmp_path), first_batch(tmp_path / "local"))
    assert open_dataset(tmp_path, "train").records[0].path.name == "0.mp4"


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("whole", "the server does not answer requests of ranges"),
        ("resets", r"cannot be read \(.+\), 3 times"),
        ("hangs", r"cannot be read \(.*Timeout.*\), 3 times"),
    ],
)
def test_a_server_that_fails_ends_what_reads_it(
    how: str, message: str, packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TSDSL_STORAGE_TIMEOUT_S", "0.1")
    with served(packed, how) as url:
        text = (packed / "shards.csv").read_text()
        (tmp_path / "shards.csv").write_text(text.replace(",train-", f",{url}/train-").replace(",val-", f",{url}/val-"))
        with pytest.raises(StorageError, match=message) as caught:
            first_batch(tmp_path)
    assert url in caught.value.message
    assert caught.value.exit_code == 4
    assert caught.value.help


@pytest.mark.parametrize("how", ["whole", "resets"])
def test_indexing_on_such_a_server_ends_with_the_url(how: str, packed: Path, tmp_path: Path) -> None:
    with served(packed, how) as url:
        result = CliRunner().invoke(app, ["shards", str(tmp_path), "--train", f"{url}/train-000000.tar"])
    assert isinstance(result.exception, StorageError)
    assert f"{url}/train-000000.tar" in result.exception.message
    assert not (tmp_path / "shards.csv").exists()


def test_a_shard_that_is_not_there_and_a_server_that_is_not_there_are_told_apart(packed: Path, tmp_path: Path) -> None:
    with served(packed) as url, pytest.raises(StorageError, match="it is not there"):
        write_shard_index(tmp_path, {"train": [f"{url}/other.tar"]})
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/a.tar"
        with pytest.raises(StorageError, match="cannot be read"):
            write_shard_index(tmp_path, {"train": [url]})


def test_own_videos_are_read_by_url_and_from_shards_without_classes(
    class_folders: Path, packed: Path, tmp_path: Path
) -> None:
    video = class_folders / "train" / "jump" / "0.mp4"
    expected = read_centre_clip(ClipRecord(video, 0), SETTINGS)
    write_shard(tmp_path / "own.tar", {"a.mp4": video.read_bytes()})
    with served(class_folders) as url, served(packed) as shards:
        for source in (
            f"{url}/train/jump/0.mp4",
            f"{shards}/train-{{000000..000001}}.tar",
            tmp_path,
            tmp_path / "own.tar",
        ):
            first = own_videos(source).records[0]
            assert first.label == UNLABELLED
            assert torch.equal(read_centre_clip(first, SETTINGS), expected)


def test_the_error_of_a_worker_process_arrives_with_its_remedy() -> None:
    sent = _collate([StorageError("https://host/a.tar: cannot be read", help="check the connection")])
    arrived = pickle.loads(pickle.dumps(sent))
    with pytest.raises(StorageError, match=r"https://host/a.tar") as caught:
        note_failures(SkippedClips(), arrived)
    assert caught.value.help == "check the connection"


def test_other_schemes_and_limits_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_remote("https://host/a.tar")
    assert not is_remote("folder/a.tar")
    for url in ("file:///etc/passwd", "simplecache::https://host/a.tar", "ftp://host/a.tar"):
        with pytest.raises(UsageError, match="unknown scheme"):
            is_remote(url)
    for text in ("0", "-1", "soon", "nan", "inf"):
        monkeypatch.setenv("TSDSL_STORAGE_TIMEOUT_S", text)
        with pytest.raises(UsageError, match="must be a positive number of seconds"):
            timeout_s()
