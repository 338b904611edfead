"""Reads and writes weight files: a model's state as safetensors, with architecture and class names as metadata."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from tsdsl.errors import FileError
from tsdsl.files import parse_json, require_regular, write_bytes
from tsdsl.files.reading import MAX_BYTES, open_regular
from tsdsl.space.architecture import Architecture
from tsdsl.space.stored import record_of

FORMAT = "tsdsl-weights-1"
NAMED_TENSORS = 3
GIVE_WEIGHTS = "give the path of a .safetensors file"
SAVE_AGAIN = "save the weights again with tsdsl"
CLASSIFIER = "head.classifier.classifier."
"""The beginning of the names of the layer that depends on the number of classes."""
CLASSIFIER_BIAS = f"{CLASSIFIER}bias"
MAX_CLASSES = 1_000_000


def save_model(
    path: str | Path,
    model: nn.Module,
    architecture: Architecture | None = None,
    class_names: Sequence[str] | None = None,
) -> None:
    """Write the model's parameters and buffers as a whole file; the same model gives the same bytes.

    `class_names` are the names of its classes, in the order of its scores.

    Raises:
        FileError: the file cannot be written.
    """
    metadata = {"format": "pt", "tsdsl": FORMAT}
    if architecture is not None:
        metadata["architecture"] = json.dumps(architecture.model_dump(mode="json"))
    if class_names is not None:
        metadata["class_names"] = json.dumps(list(class_names))
    save_tensors(path, model.state_dict(), metadata)


def save_tensors(path: str | Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors by name as a whole file; the same ones give the same bytes.

    Raises:
        FileError: the file cannot be written.
    """
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_bytes(Path(path), _ordered(safetensors.torch.save(stored, dict(metadata or {"format": "pt"}))))


def _ordered(content: bytes) -> bytes:
    """A safetensors file with its metadata in alphabetical order; safetensors writes them in random order."""
    size_bytes = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size_bytes])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    encoded = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    # Tensors begin at a multiple of 8 bytes.
    encoded += b" " * (-len(encoded) % 8)
    return len(encoded).to_bytes(8, "little") + encoded + content[8 + size_bytes :]


def load_weights(
    path: str | Path,
    model: nn.Module,
    besides: str | None = None,
    class_rows: Sequence[int | None] | None = None,
) -> None:
    """Copy the weights of a file into a model, if all names and shapes agree.

    Tensors whose name begins with `besides` keep their values if the shapes differ. With `class_rows`, each class of
    the model takes the part of the classifier that this class of the file has; None keeps its own.

    Raises:
        FileError: the file is missing, truncated or not a safetensors file, or does not fit the model.
    """
    tensors = read_tensors(path)
    state = model.state_dict()
    for name in [name for name in state if name.startswith(CLASSIFIER) and name in tensors and class_rows is not None]:
        tensors[name] = _taken_over(state[name], tensors[name], class_rows or ())
    if besides is not None:
        other = [n for n in state if n.startswith(besides) and n in tensors and tensors[n].shape != state[n].shape]
        for name in other:
            del state[name], tensors[name]
    problem = mismatch(state, tensors)
    if problem:
        raise FileError(
            f"{path}: does not fit the model: {problem}",
            help="use the weights that were saved for this architecture, scale and number of classes",
        )
    with torch.no_grad():
        for name, tensor in state.items():
            tensor.copy_(tensors[name])


def _taken_over(own: Tensor, other: Tensor, rows: Sequence[int | None]) -> Tensor:
    """`own` with rows of `other`; `other` where they cannot be of one layer."""
    if own.shape[1:] != other.shape[1:] or any(row is not None and row >= len(other) for row in rows):
        return other
    taken = own.clone()
    for label, row in enumerate(rows):
        if row is not None:
            taken[label] = other[row]
    return taken


def file_hash(path: str | Path) -> str:
    """The SHA-256 of a file.

    Raises:
        FileError: it cannot be read.
    """
    try:
        require_regular(path, GIVE_WEIGHTS)
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from error


def num_classes(path: Path, tensors: Mapping[str, Tensor]) -> int:
    """How many classes the classifier among the tensors of a weight file has.

    Raises:
        FileError: it has none, or one that is not a list of 1 to `MAX_CLASSES` numbers.
    """
    bias = tensors.get(CLASSIFIER_BIAS)
    if bias is None or bias.dim() != 1 or not 1 <= len(bias) <= MAX_CLASSES:
        found = "missing" if bias is None else _sizes(bias)
        raise FileError(
            f"{path}: {CLASSIFIER_BIAS} is {found}, expected 1 to {MAX_CLASSES} numbers",
            help="give weights that `tsdsl train` or `tsdsl search` wrote",
        )
    return len(bias)


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """All tensors of a weight file, on the CPU. The file is mapped: a tensor takes memory once it is used.

    Raises:
        FileError: the file is missing, truncated or not a safetensors file.
    """
    _check_header(path)
    try:
        return safetensors.torch.load_file(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    except (SafetensorError, RuntimeError) as error:  # RuntimeError: larger than memory
        raise _foreign(path, error) from error


def read_weights_architecture(path: str | Path) -> Architecture | None:
    """The architecture that a weight file was saved with, if any.

    Raises:
        FileError: the file is missing, truncated or not a safetensors file, or its architecture is malformed.
    """
    metadata = _metadata(path)
    if "architecture" not in metadata:
        return None
    value = parse_json(metadata["architecture"], f"{path}: architecture", SAVE_AGAIN)
    return record_of(value, Architecture, f"{path}: the architecture in its metadata is not valid", SAVE_AGAIN)


def read_class_names(path: str | Path) -> tuple[str, ...] | None:
    """The names of the classes that a weight file was saved with, in the order of the scores, if any.

    Raises:
        FileError: the file is missing, truncated or not a safetensors file, or its names are malformed.
    """
    metadata = _metadata(path)
    if "class_names" not in metadata:
        return None
    names = parse_json(metadata["class_names"], f"{path}: class_names", SAVE_AGAIN)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise FileError(f"{path}: the class names in its metadata are not a list of names", help=SAVE_AGAIN)
    return tuple(names)


def _metadata(path: str | Path) -> Mapping[str, str]:
    _check_header(path)
    try:
        with safe_open(path, "pt") as file:
            return file.metadata() or {}
    except OSError as error:
        raise _unreadable(path, error) from error
    except SafetensorError as error:
        raise _foreign(path, error) from error


def _check_header(path: str | Path) -> None:
    """FileError unless a regular file begins with the size of a header that is not too long to parse."""
    with open_regular(path, GIVE_WEIGHTS) as file:
        size_bytes = int.from_bytes(file.read(8), "little")
    if size_bytes > MAX_BYTES:
        raise _foreign(path, f"its header would be longer than {MAX_BYTES // 2**20} MiB")


def mismatch(state: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> str:
    """A list of the first few tensors that are missing, unknown, or of another shape; empty if there are none."""
    missing = [name for name in state if name not in tensors]
    unexpected = [name for name in tensors if name not in state]
    shapes = [
        f"{name} is {_sizes(tensors[name])} in the file and {_sizes(state[name])} in the model"
        for name in state
        if name in tensors and tensors[name].shape != state[name].shape
    ]
    parts = [_listed("missing", missing), _listed("unknown", unexpected), _listed("", shapes)]
    return "; ".join(part for part in parts if part)


def _listed(lead: str, items: list[str]) -> str:
    if not items:
        return ""
    more = f" and {len(items) - NAMED_TENSORS} more" if len(items) > NAMED_TENSORS else ""
    return f"{lead} {', '.join(items[:NAMED_TENSORS])}{more}".strip()


def _sizes(tensor: Tensor) -> str:
    return " x ".join(str(size) for size in tensor.shape) or "a number"


def _unreadable(path: str | Path, error: OSError) -> FileError:
    return FileError(f"{path}: cannot be read ({error.strerror or error})", help=GIVE_WEIGHTS)


def _foreign(path: str | Path, error: Exception | str) -> FileError:
    return FileError(
        f"{path}: is not a complete safetensors file ({error})",
        help="it is truncated or another kind of file; copy or save it again",
    )
