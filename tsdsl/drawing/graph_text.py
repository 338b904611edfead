"""The texts of a group in a graph view: its operators, how many blocks it has, and its settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from tsdsl.drawing.font import shortened
from tsdsl.network.layout import Node
from tsdsl.operators.registry import NONE
from tsdsl.operators.varying import Varying, maximum, minimum
from tsdsl.space.model import Space
from tsdsl.space.parts import BlockAlternative, Group, Reference, Setting

SHORT = {
    "time_strided_conv": "conv",
    "time_strided_sample": "sample",
    "time_to_channel": "time-to-channel",
    "expansion": "e",
    "channels": "c",
}
SHOWN = ("kernel", "t", "k", "expansion", "channels")
MAX_WIDTH_PX = 190.0


def num_blocks(nodes: Iterable[Node]) -> str:
    """`2`, `2..4`: how many blocks nodes have together."""
    counts = [count for node in nodes for count in (node.layout.present if node.layout else (len(node.blocks),))]
    low, high = sum(map(minimum, counts)), sum(map(maximum, counts))
    return str(low) if low == high else f"{low}..{high}"


def _present(group: Group, node: Node) -> list[BlockAlternative]:
    """What the blocks of a node are, or may be."""
    found: list[BlockAlternative] = []
    for block in node.blocks:
        one = group.alternative(block.index, block.variant)
        found += [one] if one not in found else []
    return found


def names_of(group: Group, node: Node) -> list[str]:
    return list(dict.fromkeys(one.operator for one in _present(group, node)))


def operators_line(group: Group, node: Node) -> str:
    """`mbconv3d`, `mbconv3d x 2..4`, `mbconv3d | none`: the operators of the blocks, and how many there are."""
    may_be_none = isinstance(node.condition, Varying) and NONE in group.operators
    names = " | ".join([*names_of(group, node), *([NONE] if may_be_none else [])])
    count = num_blocks([node])
    return names + (f" x {count}" if count != "1" else "") + (" each" if group.is_each else "")


def setting_lines(group: Group, node: Node, setting: Callable[[Setting], str]) -> tuple[str, ...]:
    """The displayed attributes and all that are searched; where operators differ, those of each below its name."""
    by_operator: dict[str, list[Mapping[str, Setting]]] = {}
    for one in _present(group, node):
        by_operator.setdefault(one.operator, []).append(one.attributes)
    if len(by_operator) < 2:
        own = [attributes for given in by_operator.values() for attributes in given]
        return _in_lines(_texts([{**group.attributes, **attributes} for attributes in own], setting))
    lines = _in_lines(_texts([group.attributes], setting))
    for operator, given in by_operator.items():
        texts = _texts(given, setting)
        lines += _in_lines([f"{operator}: {texts[0]}", *texts[1:]]) if texts else ()
    return lines


def _texts(given: Sequence[Mapping[str, Setting]], setting: Callable[[Setting], str]) -> list[str]:
    """`t 1, 3` for each attribute that is displayed or searched; where blocks differ, the values of each."""
    small = []
    searched = [name for own in given for name, value in own.items() if isinstance(value, Reference)]
    for name in dict.fromkeys((*SHOWN, *searched)):
        texts = dict.fromkeys(setting(attributes[name]) for attributes in given if name in attributes)
        small += [f"{SHORT.get(name, name)} {' / '.join(texts)}"] if texts else []
    return small


def _in_lines(small: Sequence[str]) -> tuple[str, ...]:
    """Short texts, two a line."""
    lines = [" · ".join(small[n : n + 2]) for n in range(0, len(small), 2)]
    return tuple(shortened(line, MAX_WIDTH_PX, 10) if len(line) > 40 else line for line in lines if line)


def choices(space: Space, value: Setting) -> str:
    """`32..48` for many values, `3, 5` for two, or the only value."""
    if not isinstance(value, Reference):
        return f"{value:g}" if isinstance(value, float) else str(value)
    values = [value.of(one) for one in space.decision_by_path[value.decision].values]
    items = [f"{one:g}" if isinstance(one, float) else str(one) for one in values]
    numbers = [one for one in values if isinstance(one, int | float)]
    is_range = len(items) > 2 and numbers == sorted(numbers) and len(numbers) == len(items)
    return f"{items[0]}..{items[-1]}" if is_range else ", ".join(items)
