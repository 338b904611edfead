"""Files of checkpoints: each is read right, or refused in plain words, and none runs code."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
import zipfile
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from tsdsl.errors import FileError
from tsdsl.lowering.published.checkpoint import read_checkpoint

STATE = {"conv.weight": torch.arange(6.0).reshape(2, 3), "bn.num_batches_tracked": torch.tensor(3)}


class Printed:
    """Something that prints when it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("run",)


class Command:
    """Something that runs a command when it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("echo run",)


class Averages:
    """An object beside the weights, as trainers keep them."""

    def __init__(self) -> None:
        self.values = np.zeros(3)


def zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, b"content")
    return file.getvalue()


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("weights.pth"))
    return file.getvalue()


def saved(content: object, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (STATE, ""),
        ({"model_state": STATE, "epoch": 3, "cfg": "MODEL: x3d"}, "model_state"),
        ({"state_dict": STATE, "hyper_parameters": Namespace(lr=0.1), "loops": {"a": [1, None]}}, "state_dict"),
        ({"state_dict": STATE, "message_hub": Averages(), "meta": {"best": np.float32(3)}}, "state_dict"),
        ({"model": STATE, "model_ema": {"conv.weight": torch.ones(1)}, "optimizer": {"state": {}}}, "model"),
        ({"checkpoint": {"net": STATE}}, "net"),
        ({"ema": STATE, "path": Path("data")}, "ema"),
        ({"state_dict": {name: nn.Parameter(t, t.is_floating_point()) for name, t in STATE.items()}}, "state_dict"),
    ],
)
@pytest.mark.parametrize("is_zip", [True, False])
def test_a_state_dict_is_found_in_a_checkpoint(tmp_path: Path, content: object, key: str, is_zip: bool) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(saved(content, _use_new_zipfile_serialization=is_zip))
    checkpoint = read_checkpoint(path)
    assert checkpoint.key == key
    assert checkpoint.tensors.keys() == STATE.keys()
    assert all(torch.equal(checkpoint.tensors[name], tensor) for name, tensor in STATE.items())
    assert checkpoint.averages == ("model_ema" if isinstance(content, dict) and "model_ema" in content else "")


def test_a_safetensors_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    safetensors.torch.save_file({"conv.weight": torch.ones(2).half()}, path)
    assert torch.equal(read_checkpoint(path).tensors["conv.weight"], torch.ones(2).half())
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FileError, match="is not a complete safetensors file"):
        read_checkpoint(path)


CAFFE2 = pickle.dumps({"blobs": {"conv1_w": np.zeros((2, 3)), "res2_0_branch2a_w": np.zeros(1)}}, protocol=2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"no checkpoint", "is not a PyTorch checkpoint, or is incomplete"),
        (b"\n<!DOCTYPE html><html>confirm</html>", "is a web page, not a checkpoint"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "is an XML text, such as servers send"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n", "is a pointer of Git LFS"),
        (b'{"error": "not found"}', "is a JSON text"),
        (b"\x1f\x8b\x08\x00data", "is compressed by gzip"),
        (tarred(), "is a tar archive"),
        (b"\x93NUMPY\x01\x00", "is a NumPy array"),
        (zipped("a.mp4", "b.mp4", "c.mp4"), "is a zip archive of a.mp4, b.mp4 and 1 more, not a checkpoint"),
        (zipped("conv.weight.npy"), "is an archive of NumPy arrays"),
        (zipped("m/data.pkl", "m/code/__torch__.py"), "is a TorchScript program, not a state dict"),
        (saved(STATE)[:-30], "is incomplete or damaged: its list of contents cannot be read"),
        (
            saved(STATE).replace(b"PK\x01\x02\x00\x00\x00", b"PK\x01\x02\x00\x00\xff", 1),
            "is incomplete or damaged",
        ),
        (
            saved({"a": Printed()}).replace(b"__builtin__", b"__built\x00n__"),
            "is not a PyTorch checkpoint, or is incomplete",
        ),
        (saved(STATE, _use_new_zipfile_serialization=False)[:-9], "is not a PyTorch checkpoint, or is incomplete"),
        (CAFFE2, "is a pickle of Caffe2, as PySlowFast's model zoo has, not a checkpoint of torch"),
        (pickle.dumps({"a": Command()}), "is a pickle, not a checkpoint of torch; to read it would run code"),
        (saved({"model_state": {"a.weight": Printed()}}), "a.weight is a builtins.print, expected a tensor"),
        (saved({"model_state": {"a": Command()}}), "holds .*system, which would run code"),
        (saved({"a.weight": np.zeros(3)}), "a.weight is a numpy.*, expected a tensor"),
        (
            saved({"model": Averages(), "epoch": 3}),
            "holds no state dict; it holds .*Averages, which only code can build",
        ),
        (saved(nn.Linear(2, 2)), "holds no state dict; it holds torch.nn.modules.linear.Linear, which only code"),
        (saved({"epoch": 3}), "holds no state dict$"),
        (saved([STATE]), "holds no state dict$"),
    ],
)
def test_a_file_without_a_state_dict_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], content: bytes, message: str
) -> None:
    path = tmp_path / "weights.pyth"
    path.write_bytes(content)
    with pytest.raises(FileError, match=message) as caught:
        read_checkpoint(path)
    assert caught.value.help
    assert "weights_only" not in f"{caught.value.message} {caught.value.help}"
    assert capfd.readouterr().out == ""


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none\.pyth: cannot be read"):
        read_checkpoint(tmp_path / "none.pyth")
    with pytest.raises(FileError, match="is a folder, expected a file"):
        read_checkpoint(tmp_path)
