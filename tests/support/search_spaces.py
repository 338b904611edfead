"""Spaces that the tests of the search are made on."""

from __future__ import annotations

from pathlib import Path

import tsdsl
from tsdsl.space.model import Space

TINY = """tsspace 1
space tiny {
  classes = 8
  size = 16
  stream sparse {
    frames = 2
    stage 1 {
      group conv3d(kernel = 1x3x3, channels = {4, 8}, stride = 4)
      group mbconv3d(t = {1, 3}, k = 3, expansion = {1.0, 2.0}, channels = {4, 8})
    }
  }
  stream dense {
    frames = 4
    stage 1 {
      group conv3d(kernel = 3x3x3, channels = {2, 4}, stride = 4)
      group conv3d(kernel = 1x1x1, channels = 4)
    }
  }
  fusion dense -> sparse {
    after = stage[1].group[1]
    op = {none, time_strided_conv(kernel = 3x1x1), time_strided_sample}
    merge = concat
  }
  attention sparse {
    after = stage[1].group[2]
    op = {none, glore(nodes = {2, 4})}
  }
  head { features = 16  dropout = 0.2 }
  step 1 "sparse" { search = sparse  target = 20 KFLOPs  epochs = 2 }
  step 2 "dense and fusion" { search = dense, fusion  target = 45 KFLOPs  epochs = 2 }
  step 3 "attention" { search = attention  target = 60 KFLOPs  epochs = 2 }
}
"""


def load_text(folder: Path, text: str) -> Space:
    """The space in a text."""
    path = folder / "space.tsspace"
    path.write_text(text)
    return tsdsl.load(path)
