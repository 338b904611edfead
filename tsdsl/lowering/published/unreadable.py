"""What a file is that is no checkpoint of tensors, by its first bytes, and what to do about it."""

from __future__ import annotations

import zipfile
from pathlib import Path

from tsdsl.errors import FileError
from tsdsl.files import open_regular

DOWNLOAD = "download the file itself; the page may ask to confirm that"
UNPACK = "unpack it and give the checkpoint in it"
SAVE_STATE = "give a file that holds a state dict, as `torch.save(model.state_dict(), FILE)` writes it"
HEADS = (
    (b"<!doctype html", "is a web page, not a checkpoint", DOWNLOAD),
    (b"<html", "is a web page, not a checkpoint", DOWNLOAD),
    (b"<?xml", "is an XML text, such as servers send in place of a file, not a checkpoint", "download it again"),
    (b"version https://git-lfs", "is a pointer of Git LFS, not the file itself", "run `git lfs pull`, or download it"),
    (b"\x1f\x8b", "is compressed by gzip", UNPACK),
    (b"bzh", "is compressed by bzip2", UNPACK),
    (b"\xfd7zxz", "is compressed by xz", UNPACK),
    (b"(\xb5/\xfd", "is compressed by zstd", UNPACK),
    (b"7z\xbc\xaf", "is a 7z archive", UNPACK),
    (b"rar!", "is a RAR archive", UNPACK),
    (b"\x93numpy", "is a NumPy array", SAVE_STATE),
    (b"\x89hdf", "is an HDF5 file, such as Keras writes", "give a PyTorch checkpoint of the network"),
    (b"{", "is a JSON text", "give the file with the weights beside it"),
)
"""In small letters."""
TAR_MARK = slice(257, 262)
CAFFE2 = (b"blobs", b"_branch2a_w", b"conv1_w")
HEAD_BYTES = 4096
TORCH_PICKLE = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""The number with which files of torch before 1.6 begin, as a pickle of protocol 2."""


def refuse_other_files(path: Path) -> None:
    """Check that a file may be a checkpoint.

    Raises:
        FileError: it is missing, or something else; the message says what.
    """
    with open_regular(path) as file:
        head = file.read(HEAD_BYTES)
    start = head.lstrip().lower()
    if not head:
        raise FileError(f"{path}: is empty", help="download it again")
    for mark, what, help in HEADS:
        if start.startswith(mark):
            raise FileError(f"{path}: {what}", help=help)
    if head[TAR_MARK] == b"ustar":
        raise FileError(f"{path}: is a tar archive", help=UNPACK)
    if head.startswith(b"PK"):
        _refuse_other_archives(path)
    elif head.startswith(b"\x80") and TORCH_PICKLE not in head[:20]:
        of = " of Caffe2, as PySlowFast's model zoo has" if any(mark in head for mark in CAFFE2) else ""
        raise FileError(
            f"{path}: is a pickle{of}, not a checkpoint of torch; to read it would run code",
            help="give weights of the same network as a PyTorch file (.pyth, .pth); where there are none, "
            "load it where you trust it and save its tensors with torch.save",
        )


def _refuse_other_archives(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise FileError(
            f"{path}: is incomplete or damaged: its list of contents cannot be read", help="download it again"
        ) from error
    ends = {name.partition("/")[2] for name in names}
    if any(end.startswith("code/") for end in ends) and "data.pkl" in ends:
        raise FileError(f"{path}: is a TorchScript program, not a state dict", help=SAVE_STATE)
    if all(name.endswith(".npy") for name in names):
        raise FileError(f"{path}: is an archive of NumPy arrays", help=SAVE_STATE)
    if "data.pkl" not in ends:
        raise FileError(f"{path}: is a zip archive of {_some(names)}, not a checkpoint", help=UNPACK)


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:2]) or "nothing"
    return f"{shown} and {len(names) - 2} more" if len(names) > 2 else shown
