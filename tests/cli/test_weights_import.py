"""`tsdsl weights import` on a checkpoint with PySlowFast's names."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from support.published_modules import own_name
from tsdsl.cli.main import run
from tsdsl.lowering import Model
from tsdsl.lowering.published.families import Shipped
from tsdsl.lowering.published.fit import network_of
from tsdsl.lowering.weights import read_tensors


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a trainer, in half precision, with seven classes, without counts of batches."""
    folder = tmp_path_factory.mktemp("import")
    state = Model(network_of(Shipped("x3d", "x3d", "S"), 7), seed=0).state_dict()
    kept = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    tensors = {f"model.{own_name(name, 'x3d')}": tensor.half() for name, tensor in kept.items()}
    content = {"state_dict": tensors | {"loss.weight": torch.ones(7)}, "hyper_parameters": Namespace(lr=0.1)}
    torch.save(content, folder / "x3d.ckpt")
    safetensors.torch.save_file({name: t.contiguous() for name, t in tensors.items()}, folder / "x3d.safetensors")
    return folder


def test_the_space_is_found_and_what_was_left_out_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    assert run(["weights", "import", "x3d.ckpt", "-o", "s.safetensors"]) == 2
    assert "tsdsl weights import x3d.ckpt std:x3d --model XS" in " ".join(capsys.readouterr().err.split())
    assert run(["weights", "import", "x3d.ckpt", "--model", "S", "-o", "s.safetensors"]) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert "tensors of PySlowFast's X3D as x3d, model S, 7 classes" in told
    assert "1 tensors beside the network were left out: loss.weight" in told
    found = read_tensors("s.safetensors")
    assert found["head.classifier.classifier.bias"].shape == (7,)
    assert {tensor.dtype for tensor in found.values()} == {torch.float32, torch.int64}


def test_a_safetensors_file_is_not_written_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    assert run(["weights", "import", "x3d.safetensors", "std:x3d", "--model", "S"]) == 0
    assert "wrote x3d.tsdsl.safetensors" in capsys.readouterr().err
    assert "rgb.stage0.group1.block0.spatial.weight" in read_tensors("x3d.tsdsl.safetensors")
    assert (
        run(["weights", "import", "x3d.tsdsl.safetensors", "std:x3d", "--model", "S", "-o", "again.safetensors"]) == 3
    )
    assert "looks like weights of tsdsl: they need no translation" in capsys.readouterr().err
