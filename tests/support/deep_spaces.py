"""A space with depths, operators and blocks of their own as decisions, and one that derives from it."""

from __future__ import annotations

import tsdsl
from tsdsl.source import SourceFile
from tsdsl.space.resolve import resolve

GROUPS = """
      group {mb, bottleneck3d(t = 3), none}(channels = {16, 32}) * {1, 2}
      group {mb, conv3d(kernel = 1x3x3), none}(channels = {16, 24}) * 2 .. 3 each
      group mb(channels = 32) * 0 .. 2
"""
TEXT = f"""tsspace 1
space base {{
  classes = 10
  size    = 32
  block mb = mbconv3d(t = {{1, 3}}, k = {{3, 5}}, expansion = 2)
  stream s {{
    frames = 4
    stage 0 {{ group conv3d(kernel = 1x3x3, channels = {{8, 16}}, stride = 2) }}
    stage 1 {{{GROUPS}    }}
  }}
}}
space derived from base {{
  fix s.stage[1].group[1].op = mb
  fix s.stage[1].group[2].block[2].op = none
  fix s.stage[1].group[2].block[1].op.mb.k = 3
  free s.stage[1].group[2].block[3].op = {{mb, bottleneck3d(t = {{1, 3}})}}
  free s.stage[1].group[3].repeat = 1 .. 3
  fix s.stage[1].group[2].repeat = 3
}}
"""


def spaces(text: str = TEXT) -> dict[str, tsdsl.Space]:
    resolved = resolve(SourceFile("deep.tsspace", text))
    assert [d for d in resolved.diagnostics if d.severity == "error"] == []
    return {one.space.name: one.space for one in resolved.spaces}
