"""Small random spaces, and all architectures of one by enumeration.

What a constraint means is written here a second time, from the costs of single architectures.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from typing import Any

import pytest

import tsdsl
from tsdsl.analysis.tables.constraints import named_in, spoken_of
from tsdsl.analysis.tables.cost_table import architecture_cost
from tsdsl.network.cost import node_cost, plain
from tsdsl.network.layout import Blueprint
from tsdsl.source import SourceFile
from tsdsl.space.decided import canonical
from tsdsl.space.parts import Alike, AnyOf, DecisionRef, Requirement, Value
from tsdsl.space.resolve import resolve

MAX_ARCHITECTURES = 1500
WORDS = (
    ", act = {relu, hswish}",
    ", se = {none, all}, se_ratio = 0.2",
    ", se = {all, alternate}, shortcut = projection",
    ", expand_from = {input, output}",
    ", shortcut = {identity, bare_projection}",
    ", shortcut = {projection, identity}, act = {none, swish}",
)


def seeds(gate: Sequence[int], night: Sequence[int]) -> list[Any]:
    """Seeds of random spaces for `parametrize`: the gate takes the first, a night the others too.

    Files share seeds, as the architectures of a space are listed once a process.
    """
    return [*gate, *(pytest.param(seed, marks=pytest.mark.nightly) for seed in night)]


def random_space(seed: int, most_architectures: int = MAX_ARCHITECTURES, *, is_rich: bool = False) -> tsdsl.Space:
    """A space of two streams with fusion, attention, shared and nested decisions, small enough to be listed.

    Every third seed has constraints, which leave something at every step. With `is_rich` every seed has, and their
    comparisons are joined by `and`, `or` and `implies`; there are products, searched words, strides and merges, and a
    searched head too.
    """
    return _drawn(seed, most_architectures, is_rich=is_rich)[1]


def random_text(seed: int, most_architectures: int = MAX_ARCHITECTURES, *, is_rich: bool = False) -> str:
    """The text of `random_space`."""
    return _drawn(seed, most_architectures, is_rich=is_rich)[0]


@cache
def _drawn(seed: int, most_architectures: int, *, is_rich: bool) -> tuple[str, tsdsl.Space]:
    draw = random.Random(seed)
    while True:
        text = _text(draw, most_architectures < MAX_ARCHITECTURES, is_rich)
        space = _resolved(text)
        if not 1 < space.cardinality <= most_architectures:
            continue
        if seed % 3 != 2 and not is_rich:
            return text, space
        constrained = text.removesuffix("}\n") + _requires(draw, space, is_rich) + "}\n"
        space = _resolved(constrained)
        if all(everything(space, step) for step in (1, 2, None)):
            return constrained, space


def _resolved(text: str) -> tsdsl.Space:
    resolved = resolve(SourceFile("random", text))
    assert not [d for d in resolved.diagnostics if d.severity == "error"], (text, resolved.diagnostics)
    return resolved.spaces[0].space


def _requires(draw: random.Random, space: tsdsl.Space, is_rich: bool) -> str:
    """One to three constraints: on costs, on widths, on what slots hold."""
    blueprint = Blueprint(space)
    costs = [architecture_cost(blueprint, one)[:2] for one in everything(space)]
    macs, params = draw.choice(costs)
    widths = [d.path for d in space.decisions if d.path.endswith(".channels") or d.path == "shared.width"]
    nodes = [d.path for d in space.decisions if d.path.endswith(".nodes")]
    ops = [d.path for d in space.decisions if d.path.endswith(".op")]
    written = [
        f"flops <= {macs} FLOPs",
        f"flops >= {macs / 1000} KFLOPs",
        f"params < {params / 1000} Kparams + 0.5 * head.params",
        f"sparse.flops <= {draw.choice([0.5, 0.7, 0.9])} * flops",
        f"attention.params + 2 * fusion.params != {draw.randint(0, 9) / 10} Kparams",
    ]
    if len(widths) > 1:
        one, other = draw.sample(widths, 2)
        written.append(f"{_selector(one)} <= 1.5 * {_selector(other)} - 2")
    if nodes:
        written.append(f"{_selector(nodes[0])} * 2 < 15")
    if len(ops) > 1:
        one, other = draw.sample(ops, 2)
        own = space.decision_by_path[one].values[0]
        written += [f"{_selector(one)} {draw.choice(['==', '!='])} {_selector(other)}", f"{_selector(one)} != {own}"]
    if is_rich:
        written += [f"max({', '.join(map(_selector, widths))}) <= 12"] if len(widths) > 1 else []
        written.append(f"min(sparse.params, 2 * dense.params) >= {params / 6000} Kparams")
        written = [_joined(draw, written) for _ in range(3)]
    return "".join(f"  require {text}\n" for text in draw.sample(written, draw.randint(1, 3)))


def _joined(draw: random.Random, written: list[str]) -> str:
    one, two, three = (draw.choice(written) for _ in range(3))
    patterns = [
        f"{one} or {two}",
        f"{one} implies {two}",
        f"({one} and {two}) or {three}",
        f"{one} and ({two} or {three})",
    ]
    return draw.choice(patterns)


def _selector(path: str) -> str:
    return re.sub(r"(stage|group|block)([0-9]+)", r"\1[\2]", path)


def satisfies(blueprint: Blueprint, one: dict[str, Value], step: int | None) -> bool:
    """Whether one architecture satisfies what the constraints say of the network after `step`."""
    space = blueprint.space
    costs: dict[str, list[int]] = {}
    for node in blueprint.network(one, step).nodes if "Amount" in repr(space.requires) else ():
        macs, params, _ = plain(node_cost(node))
        part = node.part.split(".")[0]
        for name in {part, ""}:
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


def _choice(draw: random.Random, values: list[str], most: int = 2) -> str:
    picked = draw.sample(values, draw.randint(1, most))
    return picked[0] if len(picked) == 1 else "{" + ", ".join(picked) + "}"


def _text(draw: random.Random, has_few: bool, is_rich: bool) -> str:
    """The text of a space; with `has_few` most of what may be a choice is none, else few texts are small enough."""

    def choice(values: list[str]) -> str:
        return draw.choice(values) if has_few and draw.random() < 0.7 else _choice(draw, values)

    shared = draw.choice([None, "{8, 16}", "{8, 12, 16}"])

    def channels() -> str:
        if is_rich and shared and draw.random() < 0.4:
            return draw.choice(["0.75 * width", "width * 2", "1.3 * width"])
        return "width" if shared and draw.random() < 0.5 else choice(["8", "12", "16"])

    def settings() -> str:
        convention = draw.choice(["", ", expand_from = output", ", shortcut = projection", ", se = alternate"])
        if is_rich and draw.random() < 0.4:
            convention = draw.choice(WORDS)
        t = "taps" if is_rich and draw.random() < 0.2 else choice(["1", "3"])
        return f"t = {t}, k = {choice(['3', '5'])}, expansion = {choice(['1.5', '2', '2.5'])}{convention}"

    def stride(values: list[str], name: str = "stride") -> str:
        return f", {name} = {draw.choice(values)}" if is_rich and draw.random() < 0.4 else ""

    def block() -> str:
        depth = draw.choice(["1", "2", "1 .. 2", "{1, 3}", "1 .. 2 each", "2 each"])
        if has_few and draw.random() < 0.7:
            depth = "1"
        if draw.random() < 0.5:
            strided = stride(["2", "{1, 2}"])
            return f"group mbconv3d({settings()}, channels = {channels()}{strided}) * {draw.choice([depth, '0 .. 1'])}"
        frames = stride(["{1, 2}"], "frame_stride")
        kinds = [
            f"mbconv3d({settings()}{stride(['2', '{1, 2}'])})",
            f"conv3d(kernel = {choice(['1x3x3', '3x3x3'])}{stride(['{1, 2}'])}{frames})",
            "none",
        ]
        picked = draw.sample(kinds, 2)
        return f"group {{{', '.join(picked)}}}(channels = {channels()}) * {depth}"

    def ops(alternatives: list[str]) -> str:
        picked = draw.sample(alternatives, draw.randint(1, len(alternatives)))
        return "{none, " + ", ".join(picked) + "}"

    convolution = f"time_strided_conv(ratio = {choice(['1', '1.5', '2'])})"
    fusion = ops([convolution, "time_to_channel", *(["time_strided_sample"] if is_rich else [])])
    merge = ""
    if is_rich and draw.random() < 0.5:
        fusion, merge = ops(["time_strided_conv"]), f"merge = {draw.choice(['sum', '{concat, sum}'])}"
    pooled = [f"nonlocal(ratio = 0.5, pool = {choice(['1', '2'])})"] if is_rich else []
    attention = ops([f"glore(nodes = {choice(['4', '8'])})", "se", *pooled])
    shared_stride = draw.choice([None, "{1, 2}", "{2, 3}"]) if is_rich else None
    down = "down" if shared_stride else "2"
    faster = stride(["{1, 2}", "2"], "frame_stride")
    return f"""tsspace 1
space random {{
  classes = 5
  size    = {draw.choice([13, 17])}
  {"domain taps = {1, 3}" if is_rich else ""}
  {f"shared width = {shared}" if shared else ""}
  {f"shared down = {shared_stride}" if shared_stride else ""}
  stream sparse {{
    frames = {4 if is_rich else 2}
    stage 0 {{
      group conv3d(kernel = 1x3x3, channels = {choice(["8", "12"])}, stride = {down})
      {block()}
      {block()}
    }}
  }}
  stream dense {{
    frames = 8
    stage 0 {{
      group conv3d(kernel = {choice(["1x3x3", "3x3x3"])}, channels = {choice(["4", "6"])}, stride = {down}{faster})
      {block()}
    }}
  }}
  fusion dense -> sparse {{
    after = stage[0].group[1]
    op    = {fusion}
    {merge}
  }}
  attention sparse, dense {{
    after = stage[0].group[2]
    op    = {attention}
  }}
  {f"head {{ features = {{8, 16}}  dropout = {choice(['0', '0.5'])} }}" if is_rich else ""}
  step 1 "one" {{
    search = sparse
  }}
  step 2 "rest" {{
    search = dense, fusion, attention{", head" if is_rich else ""}
  }}
}}
"""


_listed: dict[tuple[int, int | None], tuple[tsdsl.Space, list[dict[str, Value]]]] = {}


def everything(space: tsdsl.Space, step: int | None = None) -> list[dict[str, Value]]:
    """All architectures, by enumeration; decisions that no step up to there makes at their first value.

    The list of a space object is made once; the object is kept, so that its `id` stays its own.
    """
    if (id(space), step) not in _listed:
        _listed[id(space), step] = (space, _enumerated(space, step))
    return list(_listed[id(space), step][1])


def _enumerated(space: tsdsl.Space, step: int | None) -> list[dict[str, Value]]:
    present = space.present_after(step)
    made = {p for s in space.steps if step is not None and s.index <= step for p in s.decisions}
    decisions = [d for d in space.decisions if space.is_of(d.path, present)]
    found = {}
    for values in itertools.product(*(d.values if step is None or d.path in made else d.values[:1] for d in decisions)):
        one = canonical(space, dict(zip([d.path for d in decisions], values, strict=True)), step)
        found[tuple(one.items())] = one
    if not space.requires:
        return list(found.values())
    blueprint = Blueprint(space)
    return [one for one in found.values() if satisfies(blueprint, one, step)]
