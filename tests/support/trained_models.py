"""A model without decisions, trained for seconds by the real command on four classes of tiny clips."""

from __future__ import annotations

import shutil
from pathlib import Path

from tsdsl.cli.main import run
from tsdsl.data import DemoSettings, write_demo

SPACE = """tsspace 1

space plain {
  classes = 4
  size    = 16

  stream rgb {
    frames = 4
    stage 0 { group conv3d(kernel = 1x3x3, channels = 4, stride = 2) }
    stage 1 { group conv3d(kernel = 3x3x3, channels = 8, stride = 2) }
  }
  head { features = 8 }
}
"""
CLASSES = tuple(f"texture00_{direction}" for direction in ("down", "left", "right", "up"))
BRIEF = ("--batch-size", "4", "--device", "cpu", "-q", "--set", "precise_norm_batches=1")


def write_inputs(folder: Path) -> None:
    """`plain.tsspace`, and `clips` with two training clips and one validation clip of each class."""
    (folder / "plain.tsspace").write_text(SPACE, encoding="utf-8")
    sizes = {"side_px": 32, "num_frames": 8, "cell_px": 2}
    write_demo(folder / "clips", DemoSettings(num_textures=1, train_clips_per_class=2, val_clips_per_class=1, **sizes))


def train(folder: Path, name: str, *more: str, data: str = "clips", epochs: int = 1) -> int:
    """The exit code of a training in `folder/name`."""
    common = ["--data", str(folder / data), "--run", str(folder / name), "--epochs", str(epochs)]
    return run(["train", str(folder / "plain.tsspace"), *common, *BRIEF, *more])


def renamed(folder: Path, name: str, changes: dict[str, str | None]) -> Path:
    """A copy of the clips whose classes have other names; None removes a class."""
    copy = folder / name
    shutil.copytree(folder / "clips", copy)
    for split in ("train", "val"):
        for old, new in changes.items():
            place = copy / split / old
            if new is None:
                shutil.rmtree(place)
            else:
                place.rename(place.with_name(new))
    return copy
