"""One architecture as a readable PyTorch source file that needs no tsdsl.

The file has the few classes that the model is made of, the architecture as their arguments, and the
flow of features line by line. Its state-dict keys are those of `Model`.
"""

from __future__ import annotations

import inspect
import json
import keyword
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType

from torch import nn

from tsdsl.errors import UsageError
from tsdsl.export import blocks as exported_blocks
from tsdsl.export.agreement import Agreement, agreement
from tsdsl.export.expressions import Expression, expression
from tsdsl.export.preprocessing import MEAN, STD, Sampling, preprocessing, sampling_text
from tsdsl.lowering.model import Model
from tsdsl.network.cost import network_cost, plain
from tsdsl.network.layout import Network, Node
from tsdsl.network.parameters import block_prefix
from tsdsl.space.architecture import Architecture

RESERVED = frozenset({"self", "clip", "torch", "nn", "num_classes"})
LINE_WIDTH = 100


@dataclass
class Source:
    """The two halves of the model's class while they are written: a tree of builders, and the flow."""

    tree: dict[str, object] = field(default_factory=dict)
    uses: set[str] = field(default_factory=lambda: {"Named"})
    flow: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)

    def build(self, path: str, builders: list[str]) -> None:
        """Put the builders of a module's blocks under its dotted path."""
        *parents, last = path.split(".")
        branch = self.tree
        for name in parents:
            below = branch.setdefault(name, {})
            assert isinstance(below, dict), f"{path} lies below a layer"
            branch = below
        branch[last] = builders


def export_python(
    network: Network,
    architecture: Architecture | None = None,
    labels: Sequence[str] | None = None,
    sampling: Sampling | None = None,
) -> str:
    """The source text of a module with the model's class, named after the space, and `load(path)`.

    Raises:
        UsageError: a name of the space cannot be a Python attribute, there is not one label a class, or an
            operator has no exported form.
    """
    if labels is not None and len(labels) != network.classes:
        raise UsageError(
            f"{len(labels)} labels were given for {network.classes} classes", help="give one label a class"
        )
    source = Source()
    for index, node in enumerate(network.nodes):
        _write_node(source, network, node, index)
    name = class_name(network.space)
    classes = [
        inspect.getsource(value)
        for key, value in vars(exported_blocks).items()
        if key in source.uses and getattr(value, "__module__", "") == exported_blocks.__name__
    ]
    functional = any("F." in text for text in classes)
    parts = [
        _heading(network, architecture, name, sampling),
        "\n".join(
            [
                "from __future__ import annotations\n",
                "import torch",
                *(["import torch.nn.functional as F"] if functional else []),
                "from safetensors.torch import load_file",
                "from torch import Tensor, nn\n",
                "Kernel = tuple[int, int, int]\n",
                f"FRAMES = {network.frames}",
                f"SIZE = {network.size}",
                f"MEAN, STD = {MEAN}, {STD}",
                *(_labels(labels) if labels is not None else []),
            ]
        ),
        *(text.replace("  # type: ignore[no-any-return]", "").strip() for text in classes),
        _class(source, network, name),
        _functions(name),
    ]
    return "\n\n\n".join(parts) + "\n"


def verify_export(source: str, model: Model) -> Agreement:
    """How the exported model's scores differ from those of `model`, in evaluation mode and double precision.

    Runs the source, so give it only text that `export_python` returned.

    Raises:
        RuntimeError: the exported model's state-dict keys are not those of `model`.
    """
    module = ModuleType("exported")
    exec(compile(source, "<exported model>", "exec"), module.__dict__)
    exported: nn.Module = getattr(module, class_name(model.network.space))()
    exported.load_state_dict({name: tensor.cpu() for name, tensor in model.state_dict().items()})
    return agreement(model, exported.double().eval())


def class_name(space: str) -> str:
    """The name of the exported class: `auto_tsnet` becomes `AutoTsnet`."""
    return "".join(part[:1].upper() + part[1:] for part in space.split("_")) or "Model"


def _write_node(source: Source, network: Network, node: Node, index: int) -> None:
    """Add the modules of a node, and the line that computes its value."""
    if node.kind == "input":
        frames = f"[:, :, ::{node.frame_stride}]" if node.frame_stride > 1 else ""
        source.variables[node.name] = _variable(node.part)
        source.flow.append(f"{_variable(node.part)} = clip{frames}")
        return
    inputs = [source.variables[name] for name in node.inputs]
    value = _joined(node, inputs)
    if node.kind == "group":
        source.uses.add("Blocks")
        expressions = [expression(block) for block in node.blocks]
        source.build(node.name, [f"Blocks({item})" for item in [_repeated(expressions)]])
        source.uses.update(name for item in expressions for name in item.uses)
        value = f"{_attribute(node.name)}({value})"
    else:
        for block in node.blocks:
            item = expression(block)
            path = block_prefix(node, block) + (f".{item.name}" if item.name else "")
            if item.build:
                source.build(path, [item.build])
            source.uses.update(item.uses)
            value = item.apply(_attribute(path), value)
    if node.kind == "fusion":
        source.variables[node.name] = value
    elif node.kind == "classifier":
        source.flow.append(f"return {value}")
    else:
        _assign(source, network, node, index, value)


def _assign(source: Source, network: Network, node: Node, index: int, value: str) -> None:
    """Write `stream = value`, keeping the old value under another name where it is still to be read."""
    variable = source.variables[node.inputs[0]]
    for name, held in list(source.variables.items()):
        if held == variable and network.last_use.get(name, -1) > index and name in network.by_name:
            source.variables[name] = f"{variable}_alone"
            source.flow.append(f"{variable}_alone = {variable}")
    source.variables[node.name] = variable
    line = f"{variable} = {value}"
    one_line = len(line) + len(str(node.shape)) < LINE_WIDTH - 12
    source.flow += [f"{line}  # {node.shape}"] if one_line else [f"# {node.shape}", line]


def _joined(node: Node, inputs: list[str]) -> str:
    if node.merge == "concat":
        return f"torch.cat(({', '.join(inputs)}), 1)"
    return " + ".join(inputs)


def _repeated(expressions: list[Expression]) -> str:
    """The builders of a group's blocks, equal neighbours written once."""
    runs: list[tuple[str, int]] = []
    for item in expressions:
        if runs and runs[-1][0] == item.build:
            runs[-1] = (item.build, runs[-1][1] + 1)
        else:
            runs.append((item.build, 1))
    return ", ".join(build if count == 1 else f"*({build} for _ in range({count}))" for build, count in runs)


def _attribute(path: str) -> str:
    """The expression of the module under a dotted path; a Python keyword needs `getattr`."""
    text = "self"
    for name in path.split("."):
        text = f'getattr({text}, "{name}")' if keyword.iskeyword(name) else f"{text}.{name}"
    return text


def _variable(stream: str) -> str:
    return f"{stream}_" if stream in RESERVED or keyword.iskeyword(stream) else stream


def _class(source: Source, network: Network, name: str) -> str:
    lines = [
        f"class {name}(nn.Module):",
        f'    """Class scores (no softmax) of clips shaped batch x 3 x {network.frames} x rows x columns."""',
        "",
        f"    def __init__(self, num_classes: int = {network.classes}) -> None:",
        "        super().__init__()",
    ]
    for part, below in source.tree.items():
        lines += _tree_lines(f"self.{part} = ", part, below, 8, "")
    lines += ["", "    def forward(self, clip: Tensor) -> Tensor:"]
    lines += [f"        {line}" for line in source.flow]
    return "\n".join(lines)


def _tree_lines(lead: str, name: str, below: object, indent: int, end: str) -> list[str]:
    """`lead` followed by the expression of a module, over as many lines as are readable."""
    if hasattr(nn.Module(), name):
        raise UsageError(f"{name} cannot be an attribute of a PyTorch module", help=f"rename {name} in the space")
    space = " " * indent
    if isinstance(below, list):
        (build,) = below
        line = f"{space}{lead}{build}{end}"
        return [line] if len(line) <= LINE_WIDTH else _wrapped(space, lead, build, end)
    assert isinstance(below, Mapping)
    lines = [f"{space}{lead}Named("]
    for child, value in below.items():
        if keyword.iskeyword(child):
            lines += [f"{space}    **{{"]
            lines += _tree_lines(f'"{child}": ', child, value, indent + 8, "")
            lines += [f"{space}    }},"]
        else:
            lines += _tree_lines(f"{child}=", child, value, indent + 4, ",")
    return [*lines, f"{space}){end}"]


def _wrapped(space: str, lead: str, build: str, end: str) -> list[str]:
    """A call broken between its outermost arguments."""
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
    return "\n".join([*lines, '"""'])


def _streams(network: Network, sampling: Sampling | None) -> list[str]:
    """Which frames each stream sees, and which frames of a video the model was trained on."""
    streams = preprocessing(network, sampling).streams
    seen = ", ".join(
        f"{item.stream} one in {item.every}" if item.every > 1 else f"{item.stream} all" for item in streams
    )
    lines = textwrap.wrap(f"Frames that a stream sees, which the model takes itself: {seen}.", LINE_WIDTH - 10)
    return lines + ([f"Trained on {sampling_text(sampling)}."] if sampling is not None else [])


def _labels(labels: Sequence[str]) -> list[str]:
    return ["LABELS = (", *(f"    {json.dumps(label, ensure_ascii=False)}," for label in labels), ")"]


def _functions(name: str) -> str:
    return f'''def preprocess(frames: Tensor) -> Tensor:
    """8-bit frames (batch x frames x rows x columns x RGB) as the clips that the model takes."""
    return (frames.permute(0, 4, 1, 2, 3).float() / 255 - MEAN) / STD


def load(path: str) -> {name}:
    """The model with the weights of a .safetensors file, in evaluation mode."""
    weights = load_file(path)
    model = {name}(num_classes=weights["head.classifier.classifier.bias"].shape[0])
    model.load_state_dict(weights)
    return model.eval()'''
