"""The files in a tar, found by headers alone, and what is refused: names the shard, the member and the fault."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from support.shard_files import write_shard
from tsdsl.data.shards.samples import Sample, samples_of
from tsdsl.data.shards.storage import opened
from tsdsl.data.shards.tar import TarMember, tar_members
from tsdsl.errors import FileError

CLIP = {"a.cls": b"0", "a.mp4": b"video"}


def members(path: Path) -> list[TarMember]:
    size = path.stat().st_size
    with opened(str(path), size) as read:
        return list(tar_members(str(path), size, read))


def samples(path: Path) -> list[Sample]:
    size = path.stat().st_size
    with opened(str(path), size) as read:
        return list(samples_of(str(path), size, read))


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_files_are_found_where_they_lie_in_every_form_of_tar(form: int, tmp_path: Path) -> None:
    names = ["b.mp4", f"{'long/' * 20}c.cls", "./run/d ü.cls" if form != tarfile.USTAR_FORMAT else "run/d.cls"]
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", format=form) as tar:
        folder = tarfile.TarInfo("run")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for number, name in enumerate([*names, "run/._hidden.mp4"]):
            info = tarfile.TarInfo(name)
            info.size = 700 + number
            tar.addfile(info, io.BytesIO(bytes([65 + number]) * (700 + number)))
    found = members(path)
    assert [member.name for member in found] == [name.removeprefix("./") for name in names]
    content = path.read_bytes()
    for number, member in enumerate(found):
        assert content[member.offset : member.offset + member.size_bytes] == bytes([65 + number]) * (700 + number)


def special(kind: bytes, name: str = "x.mp4", target: str = "") -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with tarfile.open(path, "w") as tar:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            tar.addfile(info)

    return make


def named(name: str) -> Callable[[Path], None]:
    return lambda path: void(write_shard(path, {name: b"1"}))


def raw(change: Callable[[bytes], bytes], files: dict[str, bytes] = CLIP) -> Callable[[Path], None]:
    return lambda path: void(path.write_bytes(change(write_shard(path, files).read_bytes())))


def void(_: object) -> None:
    pass


def bomb(path: Path) -> None:
    """A member that declares 8 TB, and a header that declares a long name of 4 GB."""
    info = tarfile.TarInfo("a.mp4")
    info.size = 2**43
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))


def long_name(path: Path) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 2**20
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + b"n" * 2**20 + bytes(1024))


def sparse_pax(path: Path) -> None:
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo("a.mp4")
        info.pax_headers = {"GNU.sparse.major": "1"}
        tar.addfile(info)


REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "symbolic link": (special(tarfile.SYMTYPE, target="/etc/passwd"), "x.mp4: is a link, expected a plain file"),
    "hard link": (special(tarfile.LNKTYPE, target="y.mp4"), "x.mp4: is a link"),
    "device": (special(tarfile.CHRTYPE), "x.mp4: is a device"),
    "pipe": (special(tarfile.FIFOTYPE), "x.mp4: is a named pipe"),
    "sparse": (sparse_pax, "is a sparse file"),
    "absolute": (named("/etc/a.mp4"), "the name '/etc/a.mp4' leads out of the shard"),
    "above": (named("a/../../b.mp4"), "leads out of the shard"),
    "drive": (named("C:\\a.mp4"), "leads out of the shard"),
    "line end": (named("a\nb.mp4"), "not printable"),
    "not UTF-8": (named("a\udcff.mp4"), "is not UTF-8"),
    "huge": (bomb, r"is truncated: 'a.mp4' ends at byte 8796093022720, the file at 1536"),
    "long name": (long_name, "has an extended header of 1048576 bytes"),
    "cut": (raw(lambda data: data[:1500]), "is truncated: 'a.mp4' ends at byte|is truncated at byte 1500"),
    "without end": (raw(lambda data: data[:2048]), "is truncated at byte 2048"),
    "joined": (raw(lambda data: data + data, {"a.mp4": bytes(20000)}), "has more after its end"),
    "compressed": (raw(gzip.compress), r"is compressed \(gzip\)"),
    "damaged": (raw(lambda data: b"?" + data[1:]), r"is not a tar \("),
    "damaged later": (raw(lambda data: data[:1024] + b"?" + data[1025:]), r"is not a tar at byte 1024"),
    "empty": (lambda path: path.touch(), "is empty"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_tar_that_is_none_of_plain_files_is_refused(case: str, tmp_path: Path) -> None:
    make, message = REFUSED[case]
    make(tmp_path / "a.tar")
    with pytest.raises(FileError, match=message) as caught:
        members(tmp_path / "a.tar")
    assert str(tmp_path / "a.tar") in caught.value.message
    assert caught.value.help


@pytest.mark.parametrize(
    ("files", "label"),
    [
        ({"a.mp4": b"v", "a.cls": b"3\n"}, "3"),
        ({"a.mp4": b"v", "a.txt": "pick üp".encode()}, "pick üp"),
        ({"a.mp4": b"v", "a.json": b'{"fps": 3, "Label": 4}'}, "4"),
        ({"a.mp4": b"v", "a.json": b'{"label": 4, "class_name": "run"}', "a.cls": b"4"}, "run"),
        ({"a.mp4": b"v", "a.json": b'{"fps": 3}', "a.cls": b"4"}, "4"),
        ({"x/a.MP4": b"v", "x/a.cls": b"4", "x/a.wav": b"?", "README.md": b"?"}, "4"),
    ],
)
def test_the_class_of_a_sample_is_in_the_files_of_its_key(files: dict[str, bytes], label: str, tmp_path: Path) -> None:
    (sample,) = samples(write_shard(tmp_path / "a.tar", files))
    assert sample.label == label
    assert sample.video.size_bytes == 1


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.mp4": b"v"}, "the sample a has no class, only mp4"),
        ({"a.mp4": b"v", "a.webm": b"v", "a.cls": b"0"}, "the sample a has two videos, a.mp4 and a.webm"),
        ({"a.cls": b"0", "a.jpg": b"v"}, "the sample a has no video, only cls, jpg"),
        ({"a.mp4": b"", "a.cls": b"0"}, "a.mp4: has 0 bytes"),
        ({"a.mp4": b"v", "a.cls": b"0" * 70000}, "a.cls: has more than 65536 bytes"),
        ({"a.mp4": b"v", "a.cls": b"\xff"}, "a.cls:1: byte 0 is not UTF-8"),
        ({"a.mp4": b"v", "a.txt": b"one\ntwo"}, r"a.txt: is not a class"),
        ({"a.mp4": b"v", "a.json": b'{"label": '}, "a.json:1:10: is not JSON"),
        ({"a.mp4": b"v", "./a.mp4": b"v", "a.cls": b"0"}, "a.mp4: is there twice"),
    ],
)
def test_a_sample_that_is_no_clip_with_a_class_is_refused(
    files: dict[str, bytes], message: str, tmp_path: Path
) -> None:
    with pytest.raises(FileError, match=message):
        samples(write_shard(tmp_path / "a.tar", files))
