"""A model as an ONNX file, with any number of clips a batch, and its scores by onnxruntime.

`onnx`, `onnxscript` and `onnxruntime` are an optional extra; without them there is one error that says so.
torch's exporter joins batch normalisation with the convolution before it and folds what is constant.

Shapes: B clips, C channels, T frames, H rows, W columns, K classes.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tsdsl.errors import FileError, UsageError
from tsdsl.export.agreement import Agreement, agreement
from tsdsl.export.description import StoredDescription, describe, stored_description, versions
from tsdsl.export.provenance import Provenance
from tsdsl.export.pt2 import capture
from tsdsl.files import require_regular
from tsdsl.lowering.model import Model

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
INPUT, OUTPUT, BATCH = "clip", "scores", "batch"
LEAD = "tsdsl."


@dataclass(frozen=True, slots=True)
class StoredOnnx:
    """An ONNX file: what it says of itself, its content, the sizes of its input and output, and its digest."""

    described: StoredDescription
    content: bytes
    sizes: dict[str, tuple[int | str, ...]]
    unchanged: bool


def demand_onnx() -> None:
    """UsageError unless the optional packages are installed."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"ONNX needs the packages {', '.join(PACKAGES)}; missing: {', '.join(missing)}",
            help=f"install them: pip install {' '.join(PACKAGES)}",
        )


def export_onnx(model: Model, provenance: Provenance) -> bytes:
    """The content of an ONNX file: input `clip`, output `scores`, and what `describe` says of it as metadata.

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
    """How the scores that onnxruntime computes on the CPU differ from those of `model`, in float32.

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
    except Exception as error:  # onnxruntime's exceptions have no common base below this
        raise FileError(f"onnxruntime cannot load the model: {error}", help="export it again") from error

    def scores(clip_BCTHW: Tensor) -> Tensor:
        (scores_BK,) = session.run([OUTPUT], {INPUT: clip_BCTHW.numpy()})
        return torch.from_numpy(scores_BK)

    return agreement(model, scores, torch.float32)


def read_onnx(path: Path) -> StoredOnnx:
    """An exported ONNX file. Nothing in it is executed.

    Raises:
        UsageError: a package is missing.
        FileError: it cannot be read, or `tsdsl export` did not write it.
    """
    demand_onnx()
    import onnx
    from google.protobuf.message import DecodeError

    require_regular(path, "give an .onnx file")
    try:
        content = path.read_bytes()
        proto = onnx.load_model_from_string(content)
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror or error})", help="give an .onnx file") from error
    except DecodeError as error:
        raise FileError(f"{path}: is not a complete ONNX file ({error})", help="export the model again") from error
    texts = {entry.key.removeprefix(LEAD): entry.value for entry in proto.metadata_props if entry.key.startswith(LEAD)}
    described = stored_description(path, texts)
    sizes = {
        value.name: tuple(d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim)
        for value in (*proto.graph.input, *proto.graph.output)
    }
    del proto.metadata_props[:]
    return StoredOnnx(described, content, sizes, _digest(proto) == texts.get("digest"))


def _digest(proto: Any) -> str:
    """A hash of the model, before it gets metadata."""
    return hashlib.sha256(proto.SerializeToString(deterministic=True)).hexdigest()


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what torch's exporter says of itself: torchvision's absence, and its own use of deprecated names."""
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
