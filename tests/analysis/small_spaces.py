"""Small random spaces, and all architectures of one by enumeration."""

from __future__ import annotations

import itertools
import random
from functools import cache

import tsdsl
from tsdsl.source import SourceFile
from tsdsl.space.architecture import canonical
from tsdsl.space.model import Value
from tsdsl.space.resolve import resolve

MOST_ARCHITECTURES = 1500


@cache
def random_space(seed: int) -> tsdsl.Space:
    """A space of two streams with fusion, attention and nested decisions; at most MOST_ARCHITECTURES."""
    draw = random.Random(seed)
    while True:
        resolved = resolve(SourceFile("random", _text(draw)))
        assert not [d for d in resolved.diagnostics if d.severity == "error"], resolved.diagnostics
        space = resolved.spaces[0].space
        if 1 < space.cardinality <= MOST_ARCHITECTURES:
            return space


def _choice(draw: random.Random, values: list[str], most: int = 2) -> str:
    picked = draw.sample(values, draw.randint(1, most))
    return picked[0] if len(picked) == 1 else "{" + ", ".join(picked) + "}"


def _text(draw: random.Random) -> str:
    def block() -> str:
        convention = draw.choice(["", ", expand_from = output", ", shortcut = projection", ", se = alternate"])
        return (
            f"group mbconv3d(t = {_choice(draw, ['1', '3'])}, k = {_choice(draw, ['3', '5'])}, "
            f"expansion = {_choice(draw, ['1.5', '2', '2.5'])}, channels = {_choice(draw, ['8', '12', '16'])}"
            f"{convention}) * {draw.randint(1, 2)}"
        )

    def ops(alternatives: list[str]) -> str:
        picked = draw.sample(alternatives, draw.randint(1, len(alternatives)))
        return "{none, " + ", ".join(picked) + "}"

    fusion = ops([f"time_strided_conv(ratio = {_choice(draw, ['1', '1.5', '2'])})", "time_to_channel"])
    attention = ops([f"glore(nodes = {_choice(draw, ['4', '8'])})", "se"])
    return f"""tsspace 1
space random {{
  classes = 5
  size    = {draw.choice([13, 17])}
  stream sparse {{
    frames = 2
    stage 0 {{
      group conv3d(kernel = 1x3x3, channels = {_choice(draw, ["8", "12"])}, stride = 2)
      {block()}
      {block()}
    }}
  }}
  stream dense {{
    frames = 8
    stage 0 {{
      group conv3d(kernel = {_choice(draw, ["1x3x3", "3x3x3"])}, channels = {_choice(draw, ["4", "6"])}, stride = 2)
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
  step 1 "sparse" {{
    search = sparse
  }}
  step 2 "rest" {{
    search = dense, fusion, attention
  }}
}}
"""


def everything(space: tsdsl.Space, step: int | None = None) -> list[dict[str, Value]]:
    """All architectures, by enumeration; decisions that no step up to there makes at their first value."""
    present = space.present_after(step)
    made = {p for s in space.steps if step is not None and s.index <= step for p in s.decisions}
    decisions = [d for d in space.decisions if space.is_of(d.path, present)]
    found = {}
    for values in itertools.product(*(d.values if step is None or d.path in made else d.values[:1] for d in decisions)):
        one = canonical(space, dict(zip([d.path for d in decisions], values, strict=True)), step)
        found[tuple(one.items())] = one
    return list(found.values())
