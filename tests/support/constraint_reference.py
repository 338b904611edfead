"""What a constraint means, a second time: said of one architecture, from the costs of its own network."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

import tsdsl
from tsdsl.analysis.tables.constraints import named_in, spoken_of
from tsdsl.network.activations import peak_activation_bytes
from tsdsl.network.cost import node_cost, plain
from tsdsl.network.layout import Blueprint
from tsdsl.space.parts import Alike, AnyOf, DecisionRef, Requirement, Value


class Measured(NamedTuple):
    """(multiply-adds, parameters) of one architecture by part, and the peak of the bytes of activations."""

    parts: Mapping[str, tuple[int, int]]
    peak_bytes: int


_measured: dict[tuple[int, frozenset[str], tuple[tuple[str, Value], ...]], tuple[Blueprint, Measured]] = {}


def measured(blueprint: Blueprint, one: Mapping[str, Value], step: int | None) -> Measured:
    """What one architecture costs, counted layer by layer on its network, once for a blueprint and what is present."""
    key = id(blueprint), blueprint.space.present_after(step), tuple(one.items())
    if key not in _measured:
        network = blueprint.network(one, step)
        parts: dict[str, tuple[int, int]] = {}
        for node in network.nodes:
            macs, params, _ = plain(node_cost(node))
            before = parts.get(node.part, (0, 0))
            parts[node.part] = (before[0] + macs, before[1] + params)
        _measured[key] = (blueprint, Measured(parts, peak_activation_bytes(network)))
    return _measured[key][1]


def forget_measured() -> None:
    """Drop what is kept of costs."""
    _measured.clear()


def satisfies(blueprint: Blueprint, one: dict[str, Value], step: int | None) -> bool:
    """Whether one architecture satisfies what the constraints say of the network after `step`."""
    space = blueprint.space
    costs: dict[str, list[int]] = {}
    if "Amount" in repr(space.requires):
        for part, (macs, params) in measured(blueprint, one, step).parts.items():
            for name in {part.split(".")[0], ""}:
                old = costs.get(name, [0, 0])
                costs[name] = [old[0] + macs, old[1] + params]
    present = space.present_after(step)
    return all(_holds(space, requirement, one, costs, present) for requirement in space.requires)


def _holds(
    space: tsdsl.Space,
    requirement: Requirement,
    one: dict[str, Value],
    costs: dict[str, list[int]],
    present: frozenset[str],
) -> bool:
    shared = [path for path in named_in(requirement) if path.startswith("shared.")]
    if not {part for part in space.parts if any(space.is_of(path, {part}) for path in shared)} <= present:
        return True
    if isinstance(requirement, AnyOf):
        if not spoken_of(space, requirement) <= present:
            return True
        return any(_holds(space, rule, one, costs, present) for rule in requirement.rules)
    if isinstance(requirement, Alike):
        sides = [requirement.left, requirement.right]
        paths = [side.decision for side in sides if isinstance(side, DecisionRef)]
        if not all(path in one for path in paths):
            return True
        left, right = (one[side.decision] if isinstance(side, DecisionRef) else side for side in sides)
        return (left == right) == requirement.is_equal
    total = Fraction(0)
    for term in requirement.terms:
        if isinstance(term.of, DecisionRef):
            path = term.of.decision
            if not path.startswith("shared.") and space.part_of(path) not in present:
                return True
            total += term.factor * Fraction(str(one.get(path, 0)))
            continue
        whole = {None: set(space.parts), "head": {"sparse", "dense"}}
        kinds = {"fusion": {s.path for s in space.fusions}, "attention": {s.path for s in space.attentions}}
        if not (whole | kinds).get(term.of.part, {term.of.part}) <= present:
            return True
        amount = costs.get(term.of.part or "", [0, 0])[0 if term.of.quantity == "flops" else 1]
        total += term.factor * amount
    match requirement.relation:
        case "<=":
            return total <= requirement.bound
        case "<":
            return total < requirement.bound
        case "==":
            return total == requirement.bound
        case _:
            return total != requirement.bound
