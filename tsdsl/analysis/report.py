"""The facts of a space as data: sizes and bounds of the whole and of each step, and of each part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tsdsl.analysis.cost import node_cost, plain
from tsdsl.analysis.network import Blueprint, Network, Node
from tsdsl.analysis.terms import CostTable
from tsdsl.operators.varying import maximum, minimum
from tsdsl.space.model import DecisionRef, Group, Space


@dataclass(frozen=True, slots=True)
class PartRow:
    """One row of the table of a space: a group, slot or head over all choices."""

    name: str
    operator: str
    choices: tuple[tuple[str, str], ...]
    shape: tuple[str, int, int, int]
    least_macs: int
    most_macs: int


def space_report(space: Space) -> dict[str, Any]:
    """The JSON contract of `compile` and `inspect`: cardinalities as text, FLOPs as multiply-adds."""
    blueprint = Blueprint(space)
    whole = CostTable(blueprint)
    return {
        "space": space.name,
        "fingerprint": space.fingerprint,
        "cardinality": str(space.cardinality),
        "flops": _bounds(whole, "macs"),
        "params": _bounds(whole, "params"),
        "steps": [step_report(blueprint, step.index) for step in space.steps],
    }


def step_report(blueprint: Blueprint, index: int) -> dict[str, Any]:
    """The facts of one step. FLOPs range over its decisions and all those of earlier steps."""
    step = blueprint.space.step(index)
    flops = _bounds(CostTable(blueprint, index), "macs")
    within = None
    if step.target_macs is not None:
        within = {"reachable": flops["min"] <= step.target_macs, "binding": flops["max"] > step.target_macs}
    return {
        "step": step.index,
        "title": step.title,
        "cardinality": str(blueprint.space.count_architectures(step.decisions)),
        "decisions": list(step.decisions),
        "target": step.target_macs,
        "flops": flops,
        "within_target": within,
    }


def _bounds(table: CostTable, quantity: Any) -> dict[str, int]:
    return {"min": table.bound(quantity, "min").value, "max": table.bound(quantity, "max").value}


_NO_CHOICES: tuple[tuple[str, str], ...] = ()


def part_rows(space: Space) -> list[PartRow]:
    """A row for each group, fusion, attention and head, with shapes and exact cost ranges."""
    table = CostTable(Blueprint(space))
    groups = {group.path: group for stream in space.streams for group in stream.groups}
    slots = {slot.path: slot for slot in space.slots}
    rows: dict[str, PartRow] = {}
    for node in table.network.nodes:
        if node.kind in ("input", "merge"):
            continue
        low, high = table.node_bounds(node)
        if node.kind == "fusion" and node.part in rows:
            first = rows[node.part]
            rows[node.part] = PartRow(
                first.name,
                first.operator,
                first.choices,
                first.shape,
                min(low, first.least_macs),
                max(high, first.most_macs),
            )
            continue
        name = node.part if node.kind in ("fusion", "attention") else node.name
        operator, choices = "", _NO_CHOICES
        if name in groups:
            operator, choices = groups[name].operator, _choices(space, groups[name])
            if groups[name].repeat > 1:
                operator += f" * {groups[name].repeat}"
        elif name in slots:
            alternatives = " | ".join(alternative.operator for alternative in slots[name].alternatives)
            operator = "fusion" if node.kind == "fusion" else "attention"
            choices = (("op", alternatives),)
            low = 0 if any(a.operator == "none" for a in slots[name].alternatives) else low
        rows[name] = PartRow(name, operator, choices, _shape(node), low, high)
    return list(rows.values())


def _choices(space: Space, group: Group) -> tuple[tuple[str, str], ...]:
    found = []
    for name, setting in group.attributes.items():
        if isinstance(setting, DecisionRef):
            values = space.decision_by_path[setting.decision].values
            found.append((name, ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in values)))
        elif name in ("channels", "t", "k", "expansion", "kernel", "stride"):
            found.append((name, str(setting)))
    return tuple(found)


def _shape(node: Node) -> tuple[str, int, int, int]:
    low, high = minimum(node.shape.channels), maximum(node.shape.channels)
    return (
        str(low) if low == high else f"{low}..{high}",
        node.shape.frames,
        node.shape.height,
        node.shape.width,
    )


def network_report(network: Network) -> dict[str, Any]:
    """The JSON contract of `inspect ARCH`: totals, and parts (stages, slots, head) in order."""
    parts: dict[str, dict[str, Any]] = {}
    total_macs = total_params = total_norm = 0
    for node in network.nodes:
        if node.kind == "input":
            continue
        macs, params, norm = plain(node_cost(node))
        total_macs, total_params, total_norm = total_macs + macs, total_params + params, total_norm + norm
        name = node.name.rsplit(".", 1)[0] if node.kind == "group" else node.part
        entry = parts.setdefault(name, {"name": name, "flops": 0, "params": 0, "shape": []})
        entry["flops"] += macs
        entry["params"] += params
        shape = node.shape
        entry["shape"] = [maximum(shape.channels), shape.frames, shape.height, shape.width]
    return {
        "flops": total_macs,
        "params": total_params,
        "params_without_norm": total_params - total_norm,
        "parts": list(parts.values()),
    }


def dead_choices(space: Space, budget_macs: int, step: int | None = None) -> Mapping[str, list[Any]]:
    """The values of each decision with which no architecture is within the budget. Exact."""
    table = CostTable(Blueprint(space), step)
    return {
        path: [value for value, least in least_by_value.items() if least > budget_macs]
        for path, least_by_value in table.least_macs_by_value().items()
        if any(least > budget_macs for least in least_by_value.values())
    }
