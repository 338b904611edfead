"""Writes and reads a model as a `torch.export` program in a .pt2 file, for batches of any size.

The bytes follow from the weights, the provenance and the version of torch, so that a file can be made again
and compared. Reading a file runs nothing in it: the weights are raw bytes beside a JSON list of their shapes.

Shapes: B clips, C channels, T frames, H rows, W columns.
"""

from __future__ import annotations

import copy
import io
import keyword
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from tsdsl.errors import FileError
from tsdsl.exporting.agreement import Agreement, agreement
from tsdsl.exporting.description import TEXTS, StoredDescription, describe, stored_description, versions
from tsdsl.exporting.provenance import Provenance
from tsdsl.files.reading import MAX_BYTES, open_regular, parse_json
from tsdsl.lowering.model import Model
from tsdsl.lowering.run import run
from tsdsl.lowering.tree import submodule
from tsdsl.network.parameters import named_layers
from tsdsl.operators.layers import ActivationKind, BatchNorm

if TYPE_CHECKING:
    from torch.export import ExportedProgram

# torch's notes about the traced Python: paths on this machine, and nothing that a reader needs.
TRACES = ("stack_trace", "nn_module_stack", "source_fn_stack", "torch_fn")
WEIGHTS = "data/weights/"
MAX_DIRECTORY_BYTES = 4 * 2**20
DIRECTORY_BYTES = 5  # index of a field in what zipfile finds at the end of an archive
# torch's numbers for the types of a model's weights and counters.
TYPES = {5: torch.int64, 7: torch.float32, 8: torch.float64}


class Program(nn.Module):
    """A copy of a model whose names generated Python can use as attributes, in evaluation mode on the CPU."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        still = copy.deepcopy(model).cpu().requires_grad_(False)
        self.network, self.placed = still.network, still.placed
        self.norms = {
            item.name: submodule(still, item.name)
            for item in named_layers(still.network)
            if isinstance(item.layer, BatchNorm)
        }
        self._modules.update(still._modules)
        for module in list(self.modules()):
            children = {_attribute(name): child for name, child in module._modules.items()}
            module._modules.clear()
            module._modules.update(children)
        self.eval()

    def forward(self, clip: Tensor) -> Tensor:
        """The class scores of clips B x C x T x H x W."""
        return run(self.network, clip, self.placed, self._norm, training=False)

    def _norm(
        self, name: str, x_BCTHW: Tensor, weight_C: Tensor, bias_C: Tensor, then: ActivationKind
    ) -> tuple[Tensor, bool]:
        return self.norms[name](x_BCTHW), False


def program_name(name: str) -> str:
    """The name of a model's tensor in a program: parts that are names of Python's or PyTorch's own get a `_`."""
    return ".".join(_attribute(part) for part in name.split("."))


def _attribute(part: str) -> str:
    return f"{part}_" if keyword.iskeyword(part) or hasattr(nn.Module, part) else part


def capture(model: Model) -> ExportedProgram:
    """The program of a model in evaluation mode, with torch's own convolutions.

    The weights are copies on the CPU. The first dimension of the clips is dynamic; the others are the network's.
    """
    network = model.network
    clip_BCTHW = torch.zeros(2, 3, network.frames, network.size, network.size)
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(Program(model), (clip_BCTHW,), dynamic_shapes=({0: batch},))
    for node in program.graph.nodes:
        for key in TRACES:
            node.meta.pop(key, None)
    program.example_inputs = None
    return program


def export_pt2(model: Model, provenance: Provenance) -> bytes:
    """The content of a .pt2 file: the program, and the texts of `describe` as extra files."""
    texts = describe(model.network, provenance) | {"versions": versions()}
    content = io.BytesIO()
    torch.export.save(capture(model), content, extra_files={f"{name}.json": text for name, text in texts.items()})
    return content.getvalue()


def verify_pt2(content: bytes, model: Model) -> Agreement:
    """Compares the scores of a .pt2 file's content with those of `model`, in double precision.

    The content must come from `export_pt2`: loading a program may run code in it.
    """
    program = torch.export.load(io.BytesIO(content)).module()
    return agreement(model, program.double())


def read_pt2(path: Path) -> tuple[StoredDescription, dict[str, Tensor]]:
    """The description in a .pt2 file, and the shapes and types of its weights by `program_name`, as meta tensors.

    Nothing in it is executed, and no weight is read.

    Raises:
        FileError: it cannot be read, or `tsdsl export` did not write it.
    """
    with _opened(path) as (archive, entries):
        texts = {
            name: _content(archive, entries[f"extra/{name}.json"], MAX_BYTES).decode()
            for name in TEXTS
            if f"extra/{name}.json" in entries
        }
        described = stored_description(path, texts)
        declared = {key: _declared(item) for key, item in _listed(path, archive, entries).items()}
    return described, declared


def read_pt2_weights(path: Path, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights in a .pt2 file, which must have the shapes and types of `expected`.

    Raises:
        FileError: it cannot be read, or its weights differ from those expected.
    """
    weights = {}
    with _opened(path) as (archive, entries):
        listed = _listed(path, archive, entries)
        for name, tensor in expected.items():
            item = listed[name]
            if (declared := _declared(item)).shape != tensor.shape or declared.dtype != tensor.dtype:
                raise ValueError(f"{name} has another shape or type than in the model")
            content = _content(archive, entries[WEIGHTS + item["path_name"]], tensor.numel() * tensor.itemsize)
            weights[name] = torch.frombuffer(bytearray(content), dtype=tensor.dtype).reshape(tensor.shape)
    return weights


@contextmanager
def _opened(path: Path) -> Iterator[tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]]:
    """The archive, and its entries by their names below the common folder.

    torch does not compress, so an entry is never larger than the file.
    """
    try:
        with open_regular(path, "give a .pt2 file") as file:
            end = zipfile._EndRecData(file)  # type: ignore[attr-defined]  # before ZipFile reads all entries
            if end is not None and end[DIRECTORY_BYTES] > MAX_DIRECTORY_BYTES:
                raise ValueError(f"its list of entries is longer than {MAX_DIRECTORY_BYTES // 2**20} MiB")
            with zipfile.ZipFile(file) as archive:
                yield archive, {entry.filename.split("/", 1)[-1]: entry for entry in archive.infolist()}
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror or error})", help="give a .pt2 file") from error
    except (zipfile.BadZipFile, ValueError, KeyError, TypeError, RuntimeError, EOFError) as error:
        raise FileError(
            f"{path}: is not a complete .pt2 file of `tsdsl export` ({error})", help="export the model again"
        ) from error


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, max_bytes: int) -> bytes:
    """The bytes of an entry; ValueError if it is compressed or larger than allowed."""
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
        raise ValueError(f"{entry.filename} is compressed, which `tsdsl export` does not do")
    if entry.file_size > max_bytes:
        raise ValueError(f"{entry.filename} has {entry.file_size} bytes, expected at most {max_bytes}")
    return archive.read(entry)


def _listed(path: Path, archive: zipfile.ZipFile, entries: Mapping[str, zipfile.ZipInfo]) -> dict[str, Any]:
    """What the archive declares for each weight."""
    text = _content(archive, entries[f"{WEIGHTS}model_weights_config.json"], MAX_BYTES).decode()
    config: dict[str, Any] = parse_json(text, f"{path}: its list of weights", "export the model again")["config"]
    return config


def _declared(item: Mapping[str, Any]) -> Tensor:
    """A meta tensor of a weight's shape and type; ValueError for a weight that is stored in another way."""
    meta = item["tensor_meta"]
    if item["use_pickle"] or meta["dtype"] not in TYPES:
        raise ValueError(f"{item['path_name']} is not stored as raw numbers")
    return torch.empty([int(size["as_int"]) for size in meta["sizes"]], dtype=TYPES[meta["dtype"]], device="meta")
