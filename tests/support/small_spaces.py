"""Small random spaces, and all architectures of one by enumeration."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest

import tsdsl
from support.constraint_reference import forget_measured, satisfies
from support.rich_spaces import rich_text
from tsdsl.analysis.tables.cost_table import architecture_cost
from tsdsl.network.layout import Blueprint
from tsdsl.source import SourceFile
from tsdsl.space.decided import canonical
from tsdsl.space.parts import Value
from tsdsl.space.resolve import resolve

MAX_ARCHITECTURES = 1500


def seeds(gate: Sequence[int], night: Sequence[int]) -> list[Any]:
    """Seeds of random spaces for `parametrize`: the gate takes the first, a night the others too.

    Files share seeds, as the architectures of a space are listed once a process.
    """
    return [*gate, *(pytest.param(seed, marks=pytest.mark.nightly) for seed in night)]


def random_space(seed: int, most_architectures: int = MAX_ARCHITECTURES, *, is_rich: bool = False) -> tsdsl.Space:
    """A space of two streams with fusion, attention, shared and nested decisions, small enough to be listed.

    Every third seed has constraints, which leave something at every step. With `is_rich` the texts are `rich_text`,
    every seed has constraints, and their comparisons are joined by `and`, `or` and `implies`.
    """
    return _drawn(seed, most_architectures, is_rich=is_rich)[1]


def random_text(seed: int, most_architectures: int = MAX_ARCHITECTURES, *, is_rich: bool = False) -> str:
    """The text of `random_space`."""
    return _drawn(seed, most_architectures, is_rich=is_rich)[0]


@cache
def _drawn(seed: int, most_architectures: int, *, is_rich: bool) -> tuple[str, tsdsl.Space]:
    draw = random.Random(seed)
    while True:
        has_few = most_architectures < MAX_ARCHITECTURES
        text = rich_text(draw, most_architectures) if is_rich else _text(draw, has_few)
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
    macs, params, *_ = architecture_cost(blueprint_of(space), draw.choice(everything(space)))
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


def _choice(draw: random.Random, values: list[str], most: int = 2) -> str:
    picked = draw.sample(values, draw.randint(1, most))
    return picked[0] if len(picked) == 1 else "{" + ", ".join(picked) + "}"


def _text(draw: random.Random, has_few: bool) -> str:
    """The text of a space; with `has_few` most of what may be a choice is none, else few texts are small enough."""

    def choice(values: list[str]) -> str:
        return draw.choice(values) if has_few and draw.random() < 0.7 else _choice(draw, values)

    shared = draw.choice([None, "{8, 16}", "{8, 12, 16}"])

    def channels() -> str:
        return "width" if shared and draw.random() < 0.5 else choice(["8", "12", "16"])

    def settings() -> str:
        convention = draw.choice(["", ", expand_from = output", ", shortcut = projection", ", se = alternate"])
        return (
            f"t = {choice(['1', '3'])}, k = {choice(['3', '5'])}, expansion = {choice(['1.5', '2', '2.5'])}{convention}"
        )

    def block() -> str:
        depth = draw.choice(["1", "2", "1 .. 2", "{1, 3}", "1 .. 2 each", "2 each"])
        if has_few and draw.random() < 0.7:
            depth = "1"
        if draw.random() < 0.5:
            return f"group mbconv3d({settings()}, channels = {channels()}) * {draw.choice([depth, '0 .. 1'])}"
        kinds = [f"mbconv3d({settings()})", f"conv3d(kernel = {choice(['1x3x3', '3x3x3'])})", "none"]
        picked = draw.sample(kinds, 2)
        return f"group {{{', '.join(picked)}}}(channels = {channels()}) * {depth}"

    def ops(alternatives: list[str]) -> str:
        picked = draw.sample(alternatives, draw.randint(1, len(alternatives)))
        return "{none, " + ", ".join(picked) + "}"

    convolution = f"time_strided_conv(ratio = {choice(['1', '1.5', '2'])})"
    fusion = ops([convolution, "time_to_channel"])
    attention = ops([f"glore(nodes = {choice(['4', '8'])})", "se"])
    return f"""tsspace 1
space random {{
  classes = 5
  size    = {draw.choice([13, 17])}
  {f"shared width = {shared}" if shared else ""}
  stream sparse {{
    frames = 2
    stage 0 {{
      group conv3d(kernel = 1x3x3, channels = {choice(["8", "12"])}, stride = 2)
      {block()}
      {block()}
    }}
  }}
  stream dense {{
    frames = 8
    stage 0 {{
      group conv3d(kernel = {choice(["1x3x3", "3x3x3"])}, channels = {choice(["4", "6"])}, stride = 2)
      {block()}
    }}
  }}
  fusion dense -> sparse {{
    after = stage[0].group[1]
    op    = {fusion}
  }}
  attention sparse, dense {{
    after = stage[0].group[2]
    op    = {attention}
  }}
  step 1 "one" {{
    search = sparse
  }}
  step 2 "rest" {{
    search = dense, fusion, attention
  }}
}}
"""


_blueprints: dict[int, Blueprint] = {}
_listed: dict[tuple[int, int | None], tuple[tsdsl.Space, list[dict[str, Value]]]] = {}


def blueprint_of(space: tsdsl.Space) -> Blueprint:
    """The blueprint of a space object, made once, so that its architectures are laid out once."""
    return _blueprints.setdefault(id(space), Blueprint(space))  # the blueprint keeps the space, and so its `id`


def forget() -> None:
    """Drop all that is kept of the spaces so far."""
    _drawn.cache_clear()
    _blueprints.clear()
    _listed.clear()
    forget_measured()


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
    return [one for one in found.values() if satisfies(blueprint_of(space), one, step)]
