"""The clips that an exported model expects: frames, sampling, size, values and layout, as data to store with it."""

from __future__ import annotations

from typing import Literal

from tsdsl.network.layout import Network
from tsdsl.space.stored import Frozen

MEAN, STD = 0.45, 0.225
LAYOUT = ("clips", "RGB", "frames", "rows", "columns")


class Sampling(Frozen):
    """The frames of a video that the model was trained on.

    `span`: frames `interval_s` seconds apart. `segments`: the video is cut into as many equal parts as a clip has
    frames, and each part gives one frame; there is no interval. In evaluation the video is resized to `short_side_px`
    on its shorter side before the square is cut out.
    """

    method: Literal["span", "segments"]
    interval_s: float | None
    short_side_px: int


class StreamFrames(Frozen):
    """The frames of the clip that the model gives a stream: every `every`-th, beginning with the first."""

    stream: str
    every: int
    frames: int


class Preprocessing(Frozen):
    """How clips are made from 8-bit frames: value / 255, minus `mean`, divided by `std`, in the order of `layout`."""

    layout: tuple[str, ...]
    frames: int
    size_px: int
    mean: float
    std: float
    streams: tuple[StreamFrames, ...]
    sampling: Sampling | None


def preprocessing(network: Network, sampling: Sampling | None) -> Preprocessing:
    """What `network` expects; `sampling` is known if the data set is."""
    return Preprocessing(
        layout=LAYOUT,
        frames=network.frames,
        size_px=network.size,
        mean=MEAN,
        std=STD,
        streams=tuple(
            StreamFrames(stream=node.part, every=node.frame_stride, frames=network.frames // node.frame_stride)
            for node in network.nodes
            if node.kind == "input"
        ),
        sampling=sampling,
    )


def sampling_text(sampling: Sampling) -> str:
    """A sampling in words."""
    when = (
        f"frames {sampling.interval_s:.4g} s apart"
        if sampling.interval_s is not None
        else "one frame from each part of the video, cut into as many equal parts as the clip has frames"
    )
    return f"{when}; shorter side {sampling.short_side_px} px, then the square cut out"
