"""`tsdsl new`: a commented starter space."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from tsdsl.cli.console import note
from tsdsl.errors import FileError, UsageError
from tsdsl.files import write_text

STARTER = """\
tsspace 1

# {name}: a two-stream search space. `tsdsl check {file}` tells what is wrong with it,
# `tsdsl compile {file}` what it costs.
space {name} {{
  classes = 400
  size    = 112  # side of the training crop, pixels

  # A domain is a named set of values; each use of it is a decision of its own.
  domain temporal  = {{1, 3}}
  domain spatial   = {{3, 5}}
  domain expansion = 1.5 .. 4.5 by 1.5

  block mb = mbconv3d(t = temporal, k = spatial, expansion = expansion)

  # Few frames, many channels: what things look like.
  stream sparse {{
    frames = 4
    stage 0 {{
      group conv3d(kernel = 1x3x3, channels = 24, stride = 2)
    }}
    stage 1 {{
      group mb(channels = 24 .. 40 by 8, stride = 2)
      group mb(channels = 24 .. 40 by 8) * 2
    }}
    stage 2 {{
      group mb(channels = 64 .. 96 by 16, stride = 2)
      group mb(channels = 64 .. 96 by 16) * 2
    }}
  }}

  # Many frames, few channels: how they move.
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

  # Each step decides what it names and keeps what earlier steps decided.
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
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Write a commented starter space to NAME.tsspace."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise UsageError(f"`{name}` cannot name a space", help="use letters, digits and _, beginning with a letter")
    path = Path(f"{name}.tsspace")
    if path.exists() and not force:
        raise FileError(f"{path}: exists already", help="choose another name, or overwrite it with --force")
    write_text(path, STARTER.format(name=name, file=path))
    note(f"wrote {path}; now `tsdsl compile {path}`")
