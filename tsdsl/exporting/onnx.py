"""Writes a model as an ONNX file for batches of any size, and computes its scores with onnxruntime.

`onnx`, `onnxscript` and `onnxruntime` are an optional extra; without them an error names them. torch's exporter merges
batch normalisation into the convolution before it and folds constants.

Shapes: B clips, C channels, T frames, H rows, W columns, K classes.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from tsdsl.errors import FileError, UsageError
from tsdsl.exporting.agreement import Agreement, agreement
from tsdsl.exporting.description import StoredDescription, describe, stored_description, versions
from tsdsl.exporting.provenance import Provenance
from tsdsl.exporting.pt2 import capture
from tsdsl.files.reading import MAX_BYTES, open_regular, read_bytes
from tsdsl.lowering.model import Model
from tsdsl.network.activations import BYTES_OF_AN_ELEMENT
from tsdsl.network.layout import Network
from tsdsl.network.parameters import network_parameters
from tsdsl.operators.varying import fixed

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
INPUT, OUTPUT, BATCH = "clip", "scores", "batch"
LEAD = "tsdsl."
GIVE_ONNX = "give an .onnx file"
METADATA_FIELD = 14  # of ModelProto: metadata_props
MAX_FIELDS = 10_000


@dataclass(frozen=True, slots=True)
class StoredOnnx:
    """An ONNX file: its content, the sizes of its input and output, and whether it is unchanged since its export."""

    content: bytes
    sizes: dict[str, tuple[int | str, ...]]
    unchanged: bool


def demand_onnx() -> None:
    """Raise UsageError unless the optional packages are installed."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"ONNX needs the packages {', '.join(PACKAGES)}; missing: {', '.join(missing)}",
            help=f"install them: pip install {' '.join(PACKAGES)}",
        )


def export_onnx(model: Model, provenance: Provenance) -> bytes:
    """The content of an ONNX file: input `clip`, output `scores`, and the texts of `describe` as metadata.

    Raises:
        UsageError: a package is missing.
    """
    demand_onnx()
    network = model.network
    clip_BCTHW = torch.zeros(2, 3, network.frames, network.size, network.size)
    with _quiet():
        program = torch.onnx.export(
            capture(model),
            (clip_BCTHW,),
            dynamo=True,
            verbose=False,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: BATCH},),
        )
    assert program is not None
    proto = program.model_proto
    for node in proto.graph.node:
        node.ClearField("metadata_props")  # names of Python objects that were traced
    del proto.graph.value_info[:]
    texts = describe(network, provenance) | {"versions": versions(onnx=version("onnx"))}
    texts["digest"] = _digest(proto)
    for name, text in texts.items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = LEAD + name, text
    content: bytes = proto.SerializeToString(deterministic=True)
    return content


def verify_onnx(content: bytes, model: Model) -> Agreement:
    """Compares the scores that onnxruntime computes on the CPU with those of `model`, in float32.

    Raises:
        UsageError: a package is missing.
        FileError: onnxruntime cannot load the content.
    """
    demand_onnx()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions have no narrower common base
        raise FileError(f"onnxruntime cannot load the model: {error}", help="export it again") from error

    def scores(clip_BCTHW: Tensor) -> Tensor:
        (scores_BK,) = session.run([OUTPUT], {INPUT: clip_BCTHW.numpy()})
        return torch.from_numpy(scores_BK)

    return agreement(model, scores, torch.float32)


def read_onnx_description(path: Path) -> StoredDescription:
    """The description in an exported ONNX file. Its graph and weights are skipped, not read.

    Raises:
        UsageError: a package is missing.
        FileError: it cannot be read, or `tsdsl export` did not write it.
    """
    demand_onnx()
    from google.protobuf.message import DecodeError

    try:
        with open_regular(path, GIVE_ONNX) as file:
            texts = dict(_metadata(file))
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror or error})", help=GIVE_ONNX) from error
    except (DecodeError, ValueError) as error:
        raise _incomplete(path, error) from error
    return stored_description(path, texts)


def read_onnx(path: Path, network: Network) -> StoredOnnx:
    """The exported ONNX file of a network, which must not be much larger than its weights. Nothing in it is executed.

    Raises:
        UsageError: a package is missing.
        FileError: it cannot be read, is too large, or stores weights in other files.
    """
    demand_onnx()
    import onnx
    from google.protobuf.message import DecodeError

    elements = sum(fixed(parameter.size) for parameter in network_parameters(network).values())
    content = read_bytes(path, "export the model again", MAX_BYTES + 2 * BYTES_OF_AN_ELEMENT * elements)
    try:
        proto = onnx.load_model_from_string(content)
    except DecodeError as error:
        raise _incomplete(path, error) from error
    if any(tensor.external_data for tensor in proto.graph.initializer):
        raise _incomplete(path, "it stores weights in other files")
    sizes = {
        value.name: tuple(d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim)
        for value in (*proto.graph.input, *proto.graph.output)
    }
    texts = {entry.key.removeprefix(LEAD): entry.value for entry in proto.metadata_props}
    del proto.metadata_props[:]
    return StoredOnnx(content, sizes, _digest(proto) == texts.get("digest"))


def _metadata(file: BinaryIO) -> Iterator[tuple[str, str]]:
    """The texts of tsdsl among a model's metadata, from the fields of its protobuf message (ModelProto).

    Raises:
        ValueError: it is not a protobuf message.
        DecodeError: its metadata cannot be decoded.
    """
    import onnx

    size_bytes = file.seek(0, os.SEEK_END)
    file.seek(0)
    for _ in range(MAX_FIELDS):
        if file.tell() == size_bytes:
            return
        key = _number(file)
        if key & 7 == 0:
            _number(file)
            continue
        if key & 7 != 2:
            raise ValueError(f"a field has type {key & 7}")
        length = _number(file)
        if length > size_bytes - file.tell():
            raise ValueError(f"a field of {length} bytes is longer than the file")
        if key >> 3 != METADATA_FIELD:
            file.seek(length, os.SEEK_CUR)
            continue
        if length > MAX_BYTES:
            raise ValueError(f"its metadata are longer than {MAX_BYTES // 2**20} MiB")
        entry = onnx.StringStringEntryProto.FromString(file.read(length))
        if entry.key.startswith(LEAD):
            yield entry.key.removeprefix(LEAD), entry.value
    raise ValueError(f"it has more than {MAX_FIELDS} fields")


def _number(file: BinaryIO) -> int:
    """Read a number in protobuf's encoding: 7 bits in each byte, the lowest first."""
    value = 0
    for shift in range(0, 64, 7):
        byte = file.read(1)
        if not byte:
            raise ValueError("it ends within a field")
        value |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return value
    raise ValueError("a number is longer than 64 bits")


def _incomplete(path: Path, why: Exception | str) -> FileError:
    return FileError(f"{path}: is not a complete ONNX file of `tsdsl export` ({why})", help="export the model again")


def _digest(proto: Any) -> str:
    """A hash of the model without its metadata."""
    return hashlib.sha256(proto.SerializeToString(deterministic=True)).hexdigest()


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence notes of torch's exporter: that torchvision is missing, and that it uses deprecated names."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        logger.setLevel(level)
