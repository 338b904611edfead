"""Archives that declare more than their network needs are refused before it is read."""

from __future__ import annotations

import json
import struct
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from tsdsl.errors import FileError
from tsdsl.exporting.description import describe
from tsdsl.exporting.onnx import read_onnx, read_onnx_description
from tsdsl.exporting.provenance import Provenance
from tsdsl.exporting.pt2 import program_name, read_pt2, read_pt2_weights
from tsdsl.lowering import Model
from tsdsl.lowering.weights import num_classes, read_tensors, read_weights_architecture
from tsdsl.network.layout import Blueprint
from tsdsl.space.architecture import Architecture
from tsdsl.space.parts import Scale

HUGE_BYTES = 64 * 2**30
FEW_BYTES = 8 * 2**20


@contextmanager
def little_memory() -> Iterator[None]:
    """Python allocates no more than `FEW_BYTES` at once."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < FEW_BYTES
    finally:
        tracemalloc.stop()


@pytest.fixture
def model(small_space, draw) -> Model:
    return Model(Blueprint(small_space).network(draw(small_space, 0)), seed=0)


@pytest.fixture
def provenance(small_space, draw) -> Provenance:
    architecture = Architecture(space="small", fingerprint=small_space.fingerprint, decisions=draw(small_space, 0))
    return Provenance(architecture=architecture, scale=Scale(name=""), classes=5)


def listed(model: Model, **changed: list[int]) -> dict[str, Any]:
    """What a .pt2 file says of each weight, sizes changed where asked for."""
    config = {}
    for number, (name, tensor) in enumerate(model.state_dict().items()):
        sizes = changed.get(program_name(name), list(tensor.shape))
        dtype = 7 if tensor.is_floating_point() else 5
        meta = {"dtype": dtype, "sizes": [{"as_int": size} for size in sizes]}
        config[program_name(name)] = {"path_name": f"weight_{number}", "use_pickle": False, "tensor_meta": meta}
    return config


def written(path: Path, model: Model, provenance: Provenance, config: dict[str, Any], **weight: Any) -> Path:
    """A .pt2 file without a program; `weight` changes how `writestr` stores the first weight."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in describe(model.network, provenance).items():
            archive.writestr(f"net/extra/{name}.json", text)
        archive.writestr("net/data/weights/model_weights_config.json", json.dumps({"config": config}))
        for number, tensor in enumerate(model.state_dict().values()):
            content = weight.get("content") if number == 0 else None
            archive.writestr(
                f"net/data/weights/weight_{number}",
                tensor.numpy().tobytes() if content is None else content,
                weight.get("compress_type", zipfile.ZIP_STORED),
            )
    return path


def expected(model: Model) -> dict[str, torch.Tensor]:
    return {program_name(name): tensor for name, tensor in model.state_dict().items()}


def test_the_weights_of_a_program_are_read_where_they_are_those_of_the_network(tmp_path, model, provenance):
    path = written(tmp_path / "net.pt2", model, provenance, listed(model))
    described, declared = read_pt2(path)
    assert described.provenance == provenance
    assert {name: tensor.shape for name, tensor in declared.items()} == {
        name: tensor.shape for name, tensor in expected(model).items()
    }
    weights = read_pt2_weights(path, expected(model))
    assert all(torch.equal(weights[name], tensor) for name, tensor in expected(model).items())


def test_a_declared_tensor_takes_no_memory(tmp_path, model, provenance):
    first = next(iter(expected(model)))
    path = written(tmp_path / "net.pt2", model, provenance, listed(model, **{first: [2**40, 2**10]}))
    with little_memory():
        _, declared = read_pt2(path)
        assert declared[first].shape == (2**40, 2**10)
        with pytest.raises(FileError, match=f"{first} has another shape"):
            read_pt2_weights(path, expected(model))


def test_a_compressed_weight_is_refused_before_it_grows(tmp_path, model, provenance):
    bomb = {"content": bytes(2**26), "compress_type": zipfile.ZIP_DEFLATED}
    path = written(tmp_path / "net.pt2", model, provenance, listed(model), **bomb)
    with little_memory(), pytest.raises(FileError, match="compressed"):
        read_pt2_weights(path, expected(model))


def test_a_weight_that_is_longer_than_its_tensor_is_refused(tmp_path, model, provenance):
    path = written(tmp_path / "net.pt2", model, provenance, listed(model), content=bytes(2**25))
    with little_memory(), pytest.raises(FileError, match="has 33554432 bytes, expected at most"):
        read_pt2_weights(path, expected(model))


def test_a_weight_that_is_shorter_than_its_tensor_is_refused(tmp_path, model, provenance):
    path = written(tmp_path / "net.pt2", model, provenance, listed(model), content=b"1234")
    with pytest.raises(FileError, match=r"net\.pt2"):
        read_pt2_weights(path, expected(model))


def test_an_endless_list_of_entries_is_refused(tmp_path):
    path = tmp_path / "net.pt2"
    with path.open("wb") as file:
        file.seek(HUGE_BYTES // 32)
        file.write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 9, 9, 2**31 - 1, 0, 0))
    with little_memory(), pytest.raises(FileError, match="list of entries is longer than 4 MiB"):
        read_pt2(path)


@pytest.mark.parametrize(
    "changes",
    [{"classes": 2**40}, {"classes": 0}, {"scale": {"name": "", "size": 2**30}}, {"scale": {"name": "", "width": 1e9}}],
)
def test_what_a_file_says_of_its_model_is_within_the_limits_of_the_language(tmp_path, model, provenance, changes):
    text = json.dumps(json.loads(provenance.model_dump_json()) | changes)
    path = tmp_path / "net.pt2"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/extra/provenance.json", text)
    with pytest.raises(FileError, match="has no provenance that can be read"):
        read_pt2(path)


def number(value: int) -> bytes:
    return bytes([value & 127 | 128]) + number(value >> 7) if value > 127 else bytes([value])


def onnx_with(path: Path, fields: bytes, size_bytes: int = 0) -> Path:
    with path.open("wb") as file:
        file.write(fields)
        file.truncate(len(fields) + size_bytes)
    return path


def test_the_graph_of_an_onnx_file_is_passed_over_and_then_refused(tmp_path, model, provenance):
    text = describe(model.network, provenance)["provenance"].encode()
    entry = b"\x0a" + number(16) + b"tsdsl.provenance" + b"\x12" + number(len(text)) + text
    metadata = b"\x72" + number(len(entry)) + entry
    path = onnx_with(tmp_path / "net.onnx", metadata + b"\x3a" + number(HUGE_BYTES), HUGE_BYTES)
    with little_memory():
        assert read_onnx_description(path).provenance == provenance
    with pytest.raises(FileError, match=r"net\.onnx: is larger than \d+ MiB"):
        read_onnx(path, model.network)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (b"\x3a" + number(HUGE_BYTES), "a field of 68719476736 bytes is longer than the file"),
        (b"\x08" + b"\xff" * 11, "a number is longer than 64 bits"),
        (b"\x0d", "a field has type 5"),
        (b"\x08\x01" * 10_001, "more than 10000 fields"),
        (b"\x72\x02\x0a\x09", "is not a complete ONNX file"),
        (b"\x08", "ends within a field"),
    ],
)
def test_an_onnx_file_that_is_no_model_is_refused(tmp_path, fields, message):
    import onnx  # noqa: F401  its own memory does not count

    with little_memory(), pytest.raises(FileError, match=message):
        read_onnx_description(onnx_with(tmp_path / "net.onnx", fields))


def test_weights_in_other_files_are_refused(tmp_path, model):
    import onnx

    proto = onnx.ModelProto()
    proto.graph.initializer.add(data_location=onnx.TensorProto.EXTERNAL).external_data.add(
        key="location", value="/etc/passwd"
    )
    path = onnx_with(tmp_path / "net.onnx", proto.SerializeToString())
    with pytest.raises(FileError, match="weights in other files"):
        read_onnx(path, model.network)


@pytest.mark.parametrize("read", [read_tensors, read_weights_architecture])
def test_a_weight_file_with_an_endless_header_is_refused(tmp_path, read):
    path = onnx_with(tmp_path / "m.safetensors", struct.pack("<Q", 90 * 2**20) + b"{", 90 * 2**20)
    with little_memory(), pytest.raises(FileError, match="header would be longer than 16 MiB"):
        read(path)


def test_a_huge_tensor_of_a_weight_file_is_mapped_not_read(tmp_path):
    size_bytes = HUGE_BYTES // 32
    path = onnx_with(tmp_path / "m.safetensors", header_of(size_bytes), size_bytes)
    with little_memory():
        assert read_tensors(path)["x"].numel() == size_bytes // 4


def test_a_tensor_beyond_any_memory_is_refused(tmp_path):
    size_bytes = 2**43
    path = onnx_with(tmp_path / "m.safetensors", header_of(size_bytes), size_bytes)
    with pytest.raises(FileError, match=r"m\.safetensors"):
        read_tensors(path)


def header_of(size_bytes: int) -> bytes:
    text = json.dumps({"x": {"dtype": "F32", "shape": [size_bytes // 4], "data_offsets": [0, size_bytes]}}).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


@pytest.mark.parametrize("bias", [None, torch.zeros(()), torch.zeros(2, 2), torch.empty(2**40, device="meta")])
def test_a_classifier_must_have_a_possible_number_of_classes(bias):
    tensors = {} if bias is None else {"head.classifier.classifier.bias": bias}
    with pytest.raises(FileError, match=r"m\.safetensors: head\.classifier\.classifier\.bias is"):
        num_classes(Path("m.safetensors"), tensors)
