"""Writes one architecture as a readable PyTorch source file that needs no tsdsl.

The file has the few classes of the model, the architecture as their arguments, and the flow of features line by line.
Its state-dict keys are those of `Model`.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from tsdsl.errors import UsageError
from tsdsl.exporting import blocks as exported_blocks
from tsdsl.exporting.expressions import Expression, expression
from tsdsl.exporting.names import attribute, demand_identifier, free_name, is_plain_attribute, quoted
from tsdsl.exporting.preprocessing import MEAN, STD, Sampling, preprocessing, sampling_text
from tsdsl.network.cost import network_cost, plain
from tsdsl.network.layout import Network, Node
from tsdsl.network.parameters import block_prefix
from tsdsl.space.architecture import Architecture

IMPORTS = """from __future__ import annotations

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

Kernel = tuple[int, int, int]
"""
CONSTANTS = ("FRAMES", "SIZE", "(MEAN, STD)", "LABELS")
GLOBALS = frozenset(
    {*vars(exported_blocks), "FRAMES", "SIZE", "MEAN", "STD", "LABELS", "load_file", "preprocess", "load"}
)
LOCALS = GLOBALS | {"self", "clip", "num_classes"}
LINE_WIDTH = 100


class Branch(dict[str, "Branch"]):
    """The modules below a module, and the expression that builds it; a stream named `classifier` has both."""

    builder: str | None = None


@dataclass
class Source:
    """The two halves of the model's class: a tree of builders, and the flow."""

    tree: Branch = field(default_factory=Branch)
    uses: set[str] = field(default_factory=lambda: {"Named"})
    flow: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)

    def build(self, path: str, builder: str) -> None:
        """Put the builder of a module under its dotted path."""
        *parents, last = path.split(".")
        branch = self.tree
        for name in parents:
            branch = branch.setdefault(name, Branch())
        branch.setdefault(last, Branch()).builder = builder


@cache
def _source_of(value: type | Callable[..., object]) -> str:
    """The text of a class or function that files contain; Python needs long to find one in its module."""
    return inspect.getsource(value)


def export_python(
    network: Network,
    architecture: Architecture | None = None,
    labels: Sequence[str] | None = None,
    sampling: Sampling | None = None,
) -> str:
    """The source text of a module with the model's class, named after the space, and `load(path)`.

    Raises:
        UsageError: a name of the space is not an identifier, there is not one label for each class, or an operator
            cannot be exported.
    """
    if labels is not None and len(labels) != network.classes:
        raise UsageError(
            f"expected {network.classes} labels, one for each class, got {len(labels)}", help="give one label a class"
        )
    source = Source()
    for index, node in enumerate(network.nodes):
        _write_node(source, network, node, index)
    name = class_name(network.space)
    classes = [
        _source_of(value)
        for key, value in vars(exported_blocks).items()
        if key in source.uses and getattr(value, "__module__", "") == exported_blocks.__name__
    ]
    functional = any("F." in text for text in classes)
    parts = [
        _heading(network, architecture, name, sampling),
        "\n".join(
            [
                IMPORTS if functional else IMPORTS.replace("import torch.nn.functional as F\n", ""),
                f"FRAMES = {network.frames}",
                f"SIZE = {network.size}",
                f"MEAN, STD = {MEAN}, {STD}",
                *(_labels(labels) if labels is not None else []),
            ]
        ),
        *(text.replace("  # type: ignore[no-any-return]", "").strip() for text in classes),
        _class(source, network, name),
        functions(name),
    ]
    return "\n\n\n".join(parts) + "\n"


def class_name(space: str) -> str:
    """The name of the exported class: `auto_tsnet` becomes `AutoTsnet`."""
    demand_identifier(space)
    name = "".join(part[:1].upper() + part[1:] for part in space.split("_"))
    return free_name(f"Model{name}" if not name or name[0].isdigit() else name, GLOBALS)


def _write_node(source: Source, network: Network, node: Node, index: int) -> None:
    """Add the modules of a node, and the line that computes its value."""
    if node.kind == "input":
        frames = f"[:, :, ::{node.frame_stride}]" if node.frame_stride > 1 else ""
        others = {other.part for other in network.nodes if other.kind == "input" and other.part != node.part}
        variable = free_name(node.part, LOCALS | others | {*source.variables.values()})
        source.variables[node.name] = variable
        source.flow.append(f"{variable} = clip{frames}")
        return
    inputs = [source.variables[name] for name in node.inputs]
    value = _joined(node, inputs)
    if node.kind == "group":
        source.uses.add("Blocks")
        expressions = [expression(block) for block in node.blocks]
        names = tuple(block.name for block in node.blocks)
        is_plain = all(block.variant == "" for block in node.blocks)
        words = ", ".join(f'"{name}"' for name in names) + ("," if len(names) == 1 else "")
        source.build(node.name, f"Blocks({_repeated(expressions)}{'' if is_plain else f', names=({words})'})")
        source.uses.update(name for item in expressions for name in item.uses)
        value = f"{attribute(node.name)}({value})"
    else:
        for block in node.blocks:
            item = expression(block)
            path = block_prefix(node, block) + (f".{item.name}" if item.name else "")
            if item.build:
                source.build(path, item.build)
            source.uses.update(item.uses)
            value = item.apply(attribute(path), value)
    if node.kind == "fusion":
        source.variables[node.name] = value
    elif node.kind == "classifier":
        source.flow.append(f"return {value}")
    else:
        _assign(source, network, node, index, value)


def _assign(source: Source, network: Network, node: Node, index: int, value: str) -> None:
    """Write `stream = value`, keeping the old value under another name if it is read later."""
    variable = source.variables[node.inputs[0]]
    for name, held in list(source.variables.items()):
        if held == variable and network.last_use.get(name, -1) > index and name in network.by_name:
            alone = free_name(f"{variable}_alone", LOCALS | {node.part for node in network.nodes})
            source.variables[name] = alone
            source.flow.append(f"{alone} = {variable}")
    source.variables[node.name] = variable
    line = f"{variable} = {value}"
    one_line = len(line) + len(str(node.shape)) < LINE_WIDTH - 12
    source.flow += [f"{line}  # {node.shape}"] if one_line else [f"# {node.shape}", line]


def _joined(node: Node, inputs: list[str]) -> str:
    if node.merge == "concat":
        return f"torch.cat(({', '.join(inputs)}), 1)"
    return " + ".join(inputs)


def _repeated(expressions: list[Expression]) -> str:
    """The builders of a group's blocks; equal ones in a row are written once."""
    runs: list[tuple[str, int]] = []
    for item in expressions:
        if runs and runs[-1][0] == item.build:
            runs[-1] = (item.build, runs[-1][1] + 1)
        else:
            runs.append((item.build, 1))
    return ", ".join(build if count == 1 else f"*({build} for _ in range({count}))" for build, count in runs)


def _class(source: Source, network: Network, name: str) -> str:
    lines = [
        f"class {name}(nn.Module):",
        f'    """Class scores (no softmax) of clips shaped batch x 3 x {network.frames} x rows x columns."""',
        "",
        f"    def __init__(self, num_classes: int = {network.classes}) -> None:",
        "        super().__init__()",
    ]
    for part, below in source.tree.items():
        lines += _tree_lines(f"{attribute(part)} = ", part, below, 8, "")
    for path, below in _below_layers(source.tree):
        lines += _tree_lines(f"{attribute(path)} = ", path.rpartition(".")[2], below, 8, "")
    lines += ["", "    def forward(self, clip: Tensor) -> Tensor:"]
    lines += [f"        {line}" for line in source.flow]
    return "\n".join(lines)


def _below_layers(tree: Branch, path: str = "") -> Iterator[tuple[str, Branch]]:
    """The modules below one with its own builder, which must be built first."""
    for name, below in tree.items():
        own = f"{path}.{name}" if path else name
        if tree.builder is not None:
            yield own, below
        else:
            yield from _below_layers(below, own)


def _tree_lines(lead: str, name: str, below: Branch, indent: int, end: str) -> list[str]:
    """`lead` followed by the expression of a module, on one or more lines."""
    demand_identifier(name)
    space = " " * indent
    if below.builder is not None:
        line = f"{space}{lead}{below.builder}{end}"
        return [line] if len(line) <= LINE_WIDTH else _wrapped(space, lead, below.builder, end)
    lines = [f"{space}{lead}Named("]
    for child, value in below.items():
        if not is_plain_attribute(child):
            lines += [f"{space}    **{{"]
            lines += _tree_lines(f'"{child}": ', child, value, indent + 8, "")
            lines += [f"{space}    }},"]
        else:
            lines += _tree_lines(f"{child}=", child, value, indent + 4, ",")
    return [*lines, f"{space}){end}"]


def _wrapped(space: str, lead: str, build: str, end: str) -> list[str]:
    """A call with line breaks between its outermost arguments."""
    head, _, rest = build.partition("(")
    arguments, depth, start = [], 0, 0
    for position, character in enumerate(rest):
        depth += (character in "([") - (character in ")]")
        if (character == "," and depth == 0) or depth < 0:
            arguments.append(rest[start:position].strip())
            start = position + 1
    return [
        f"{space}{lead}{head}(",
        *(f"{space}    {argument}," for argument in arguments if argument),
        f"{space}){end}",
    ]


def _heading(network: Network, architecture: Architecture | None, name: str, sampling: Sampling | None) -> str:
    macs, params, _ = plain(network_cost(network))
    lines = [
        f'"""{name}: a video model found in the search space {network.space}, in plain PyTorch.',
        "",
        f"Input: clips shaped batch x 3 x {network.frames} x {network.size} x {network.size} (clips, RGB, "
        "frames, rows, columns) of",
        f"values in [0, 1], minus {MEAN}, divided by {STD}; `preprocess` makes them from 8-bit frames.",
        *_streams(network, sampling),
        f"Output: batch x {network.classes} class scores, before the softmax.",
        f"Cost: {macs:,} multiply-adds a clip, {params:,} parameters.",
    ]
    if architecture is not None and architecture.decisions:
        lines += ["", f"Decisions (space fingerprint {architecture.fingerprint}):", ""]
        width = max(len(path) for path in architecture.decisions)
        lines += [f"    {path:<{width}}  {value}" for path, value in architecture.decisions.items()]
    text = "\n".join(lines)
    if not text.replace("\n", "").isprintable() or '"""' in text[3:] or "\\" in text:
        raise UsageError("the architecture's decisions cannot be written into a docstring", help="search it again")
    return f'{text}\n"""'


def _streams(network: Network, sampling: Sampling | None) -> list[str]:
    """The frames of each stream, and the frames of a video that the model was trained on."""
    streams = preprocessing(network, sampling).streams
    seen = ", ".join(
        f"{item.stream} one in {item.every}" if item.every > 1 else f"{item.stream} all" for item in streams
    )
    lines = textwrap.wrap(f"Frames that a stream sees, which the model takes itself: {seen}.", LINE_WIDTH - 10)
    return lines + ([f"Trained on {sampling_text(sampling)}."] if sampling is not None else [])


def _labels(labels: Sequence[str]) -> list[str]:
    return ["LABELS = (", *(f"    {quoted(label)}," for label in labels), ")"]


def functions(name: str) -> str:
    """The end of every exported file."""
    return f'''def preprocess(frames: Tensor) -> Tensor:
    """8-bit frames (batch x frames x rows x columns x RGB) as the clips that the model takes."""
    return (frames.permute(0, 4, 1, 2, 3).float() / 255 - MEAN) / STD


def load(path: str) -> {name}:
    """The model with the weights of a .safetensors file, in evaluation mode."""
    weights = load_file(path)
    model = {name}(num_classes=weights["head.classifier.classifier.bias"].shape[0])
    model.load_state_dict(weights)
    return model.eval()'''
