"""`tsdsl new`: a commented starter space."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from tsdsl.cli.options import Force
from tsdsl.cli.work.console import note
from tsdsl.cli.work.sources import demand_absent
from tsdsl.errors import UsageError
from tsdsl.files import write_text

STARTER = """\
tsspace 1

# {name}: a two-stream search space. `tsdsl check {file}` reports its errors,
# `tsdsl compile {file}` its costs.
space {name} {{
  classes = 400
  size    = 112  # side of the training crop, pixels

  # A domain is a named set of values; each use of it is a separate decision.
  domain temporal  = {{1, 3}}
  domain spatial   = {{3, 5}}
  domain expansion = 1.5 .. 4.5 by 1.5

  block mb = mbconv3d(t = temporal, k = spatial, expansion = expansion)

  # Few frames, many channels: appearance.
  stream sparse {{
    frames = 4
    stage 0 {{
      group conv3d(kernel = 1x3x3, channels = 24, stride = 2)
    }}
    stage 1 {{
      group mb(channels = 24 .. 40 by 8, stride = 2)
      group mb(channels = 24 .. 40 by 8) * 1 .. 3  # the number of blocks is searched too
    }}
    stage 2 {{
      group mb(channels = 64 .. 96 by 16, stride = 2)
      # The operator is searched; `none` passes on what it reads, and `each` lets every block differ.
      group {{mb, conv3d(kernel = 1x3x3), none}}(channels = 64 .. 96 by 16) * 2 each
    }}
  }}

  # Many frames, few channels: motion.
  stream dense {{
    frames = 16
    stage 0 {{
      group conv3d(kernel = 3x3x3, channels = 8, stride = 2)
    }}
    stage 1 {{
      group mb(channels = {{8, 16}}, stride = 2)
      group mb(channels = {{8, 16}}) * 2
    }}
    stage 2 {{
      group mb(channels = {{16, 24}}, stride = 2)
      group mb(channels = {{16, 24}}) * 2
    }}
  }}

  # What the sparse stream receives from the dense one.
  fusion dense -> sparse {{
    after = stage[1..2].group[*]
    op    = {{none, time_strided_conv(kernel = 5x1x1), time_strided_sample, time_to_channel}}
    merge = concat
  }}

  attention sparse {{
    after = stage[2].group[1, 2]
    op    = {{none, glore}}
  }}

  head {{ features = 1024  dropout = 0.5 }}

  # Each step decides the parts it names and keeps the decisions of earlier steps.
  step 1 "sparse stream" {{
    search = sparse
    target = 200 MFLOPs
    epochs = 100
  }}
  step 2 "dense stream and fusion" {{
    search = dense, fusion
    target = 300 MFLOPs
    epochs = 100
  }}
  step 3 "attention" {{
    search = attention
    target = 320 MFLOPs
    epochs = 50
  }}

  model S {{ size = 128 }}
}}
"""


def new(
    name: Annotated[str, typer.Argument(help="Name of the space; the file is NAME.tsspace.")],
    force: Force = False,
) -> None:
    """Write a commented starter space to NAME.tsspace."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise UsageError(f"`{name}` is not a name for a space", help="use letters, digits and `_`")
    path = Path(f"{name}.tsspace")
    demand_absent(path, force)
    write_text(path, STARTER.format(name=name, file=path))
    note(f"wrote {path}; now `tsdsl compile {path}`")
