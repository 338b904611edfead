"""The facts of a space as data: sizes and bounds of the whole and of each step, and of each part."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tsdsl.analysis.questions.bounds import extremes, is_exact
from tsdsl.analysis.questions.counting import Bracket, Counts, counts
from tsdsl.analysis.questions.least_by_value import least_by_value
from tsdsl.analysis.questions.peaks import SENSES, peak_extreme
from tsdsl.analysis.questions.probability import marginals_within
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.errors import RunError
from tsdsl.network.activations import peak_activation_bytes
from tsdsl.network.cost import node_cost, plain
from tsdsl.network.layout import Blueprint, Network, Shape
from tsdsl.operators.registry import NONE
from tsdsl.operators.varying import fixed, fixed_sizes
from tsdsl.space.model import Space
from tsdsl.space.parts import Group, Reference, Setting

MAX_WORK = 20_000_000_000


@dataclass(frozen=True, slots=True)
class PartRow:
    """One row of the table of a space: a group, slot or head over all choices."""

    name: str
    operator: str
    choices: tuple[tuple[str, str], ...]
    shape: Shape
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
        "satisfying": _satisfying(whole),
        "flops": _bounds(whole, "macs"),
        "params": _bounds(whole, "params"),
        "activation_bytes": _peaks(whole),
        "steps": [step_report(blueprint, step.index) for step in space.steps],
    }


def step_report(blueprint: Blueprint, index: int) -> dict[str, Any]:
    """The facts of one step. FLOPs range over its decisions and all those of earlier steps."""
    step = blueprint.space.step(index)
    table = CostTable(blueprint, index)
    flops = _bounds(table, "macs")
    within = None
    if step.target_macs is not None:
        within = {"reachable": flops["min"] <= step.target_macs, "binding": flops["max"] > step.target_macs}
        counted = counts(FreeSpace(table))
        within |= _shares(counted, counted.bracket(most=step.target_macs))
    return {
        "step": step.index,
        "title": step.title,
        "cardinality": str(blueprint.space.count_architectures(step.decisions)),
        "decisions": list(step.decisions),
        "target": step.target_macs,
        "flops": flops,
        "params": _bounds(table, "params"),
        "activation_bytes": _peaks(table),
        "within_target": within,
    }


def budget_report(blueprint: Blueprint, step: int | None, budget_macs: int, *, fast: bool) -> dict[str, Any]:
    """What a budget leaves: how many architectures, with which values, and which values never.

    Counted exactly, or as a bracket where asked to be `fast` or where exactness takes more than MAX_WORK
    additions. `marginals` has for each decision the share of the architectures within that have each value;
    none where it is not known that any is.
    """
    table = CostTable(blueprint, step)
    free = FreeSpace(table)
    counted = counts(free)
    low, high = counted.trellis.least, counted.trellis.most
    found = counted.bracket(most=budget_macs)
    if not (fast or found.is_exact) and counted.work(budget_macs) * found.at_most.bit_length() <= MAX_WORK * 64:
        exact = counted.within(most=budget_macs)
        found = Bracket(exact, exact)
    marginals = marginals_within(free, most=budget_macs) if found.at_least else {}
    return {
        "flops": budget_macs,
        "reachable": low <= budget_macs,
        "binding": high > budget_macs,
        **_shares(counted, found),
        "dead_choices": _dead(free, budget_macs),
        "marginals": {
            decision.path: [
                {"value": value, "share": share, "at_least": least, "at_most": most}
                for value, share, least, most in zip(
                    decision.values,
                    marginals[decision.path].share.tolist(),
                    marginals[decision.path].at_least.tolist(),
                    marginals[decision.path].at_most.tolist(),
                    strict=True,
                )
            ]
            for decision in free.decisions
            if decision.path in marginals
        },
    }


def _shares(counted: Counts, found: Bracket) -> dict[str, Any]:
    """A count and the total as text, as they exceed what JSON readers hold, and the share.

    Both ends of a bracket err by about the same factor, so the share is their geometric mean.
    """
    total = counted.totals.at_most
    share = math.sqrt(Fraction(found.at_least, total)) * math.sqrt(Fraction(found.at_most, total))
    return {
        "at_least": str(found.at_least),
        "at_most": str(found.at_most),
        "total": str(total),
        "share": share,
    }


def _satisfying(table: CostTable) -> dict[str, str]:
    """How many architectures satisfy every constraint, as text; both ends are equal where that is exact."""
    space = table.blueprint.space
    found = counts(FreeSpace(table)).totals if space.requires else Bracket(space.cardinality, space.cardinality)
    return {"at_least": str(found.at_least), "at_most": str(found.at_most)}


def _bounds(table: CostTable, quantity: Any) -> dict[str, int | bool]:
    """Both extremes. `exact` is false if constraints leave them open; they are then of allowed architectures."""
    low, high = extremes(table, quantity)
    found: dict[str, int | bool] = {"min": low, "max": high}
    return found if is_exact(table, quantity) else found | {"exact": False}


def _peaks(table: CostTable) -> dict[str, int | bool] | None:
    """The smallest and largest peak of bytes of activations, in the form of the extremes of a cost.

    None if it depends on too many decisions together; it depends on more than a cost, as all streams wait for each
    other.
    """
    try:
        low, high = (peak_extreme(FreeSpace(table), sense) for sense in SENSES)
    except RunError:
        return None
    found: dict[str, int | bool] = {"min": low.value, "max": high.value}
    return found if low.is_exact and high.is_exact else found | {"exact": False}


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
            given = [one.attributes for choice in groups[name].choices[:1] for one in choice.alternatives]
            operator = operators_text(space, groups[name])
            choices = _choices(space, [groups[name].attributes, *given])
        elif node.kind == "classifier":
            choices = _choices(space, [space.head.attributes])
        elif name in slots:
            alternatives = " | ".join(alternative.operator for alternative in slots[name].alternatives)
            choices = (("", alternatives), *_choices(space, [{"merge": getattr(slots[name], "merge", "")}]))
            low = 0 if any(a.operator == "none" for a in slots[name].alternatives) else low
        rows[name] = PartRow(name, operator, choices, node.shape, low, high)
    return list(rows.values())


def operators_text(space: Space, group: Group) -> str:
    """`mbconv3d`, `mbconv3d * 2`, `{mbconv3d, none} * {2, 3} each`: what the blocks of a group may be, and how many."""
    names = " | ".join(group.operators) or NONE
    repeat = group.repeat
    if isinstance(repeat, int):
        return names + (f" * {repeat}" if repeat > 1 else "")
    values = ", ".join(str(repeat.of(value)) for value in space.decision_by_path[repeat.decision].values)
    return f"{names} * {{{values}}}" + (" each" if group.is_each else "")


def _choices(space: Space, given: Iterable[Mapping[str, Setting]]) -> tuple[tuple[str, str], ...]:
    """Those of the attributes given that have a choice or say most, by name; several texts where they differ."""
    found: dict[str, list[str]] = {}
    for attributes in given:
        for name, setting in attributes.items():
            if isinstance(setting, Reference):
                values = [setting.of(value) for value in space.decision_by_path[setting.decision].values]
                text = ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in values)
            elif name in ("channels", "t", "k", "expansion", "kernel", "stride"):
                text = str(setting)
            else:
                continue
            if text not in found.setdefault(name, []):
                found[name].append(text)
    return tuple((name, " | ".join(texts)) for name, texts in found.items())


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
        entry["shape"] = [fixed(node.shape.channels), *fixed_sizes(node.shape.sizes)]
    return {
        "flops": total_macs,
        "params": total_params,
        "params_without_norm": total_params - total_norm,
        "activation_bytes": peak_activation_bytes(network),
        "parts": list(parts.values()),
    }


def dead_choices(space: Space, budget_macs: int, step: int | None = None) -> Mapping[str, list[Any]]:
    """The values of each decision with which no architecture is within the budget. Exact."""
    return _dead(FreeSpace(CostTable(Blueprint(space), step)), budget_macs)


def _dead(free: FreeSpace, budget_macs: int) -> dict[str, list[Any]]:
    return {
        path: [value for value, least in least_of.items() if least > budget_macs]
        for path, least_of in least_by_value(free).items()
        if any(least > budget_macs for least in least_of.values())
    }
