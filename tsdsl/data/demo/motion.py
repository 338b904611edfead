"""Draws the demo clips, a textured patch moving on a torus, and encodes them as h264.

A class is a texture and a direction. After four frames the patch has moved by half the side, so left and right (and up
and down) look equal at every fourth frame: only dense frames show the direction. The textures are grey cells of equal
mean and low contrast under noise: only a stream with enough channels distinguishes them (own design).

Tensor names: T frames, H rows, W columns.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import torch
from torch import Tensor

from tsdsl.data.randomness import derive_generator

MOTIONS: dict[str, tuple[int, int]] = {"left": (0, -1), "right": (0, 1), "up": (-1, 0), "down": (1, 0)}
"""Directions as (rows, columns) per step."""

FPS = 30


def draw_texture(seed: int, texture: int, num_cells: int) -> Tensor:
    """A texture: (cells, cells) of -1 and 1 in equal numbers, so all have the same mean."""
    generator = derive_generator("demo texture", seed, texture)
    cells = torch.ones(num_cells * num_cells)
    cells[: len(cells) // 2] = -1.0
    return cells[torch.randperm(len(cells), generator=generator)].reshape(num_cells, num_cells)


def draw_clip(
    texture: Tensor,
    motion: str,
    generator: torch.Generator,
    *,
    side_px: int,
    num_frames: int,
    velocity_px: int,
    cell_px: int,
    brightness: float,
    contrast: float,
    noise: float,
) -> Tensor:
    """A clip as grey levels uint8 (T, H, W) with random start and noise.

    Levels are relative to mid grey: the patch is `brightness` above, its cells `contrast` above or below that, and
    `noise` is the standard deviation of the noise.
    """
    patch_HW = brightness + contrast * texture.repeat_interleave(cell_px, 0).repeat_interleave(cell_px, 1)
    scene_HW = torch.zeros(side_px, side_px)
    scene_HW[: patch_HW.shape[0], : patch_HW.shape[1]] = patch_HW
    row, column = torch.randint(side_px, (2,), generator=generator).tolist()
    row_step, column_step = (velocity_px * step for step in MOTIONS[motion])
    frames_THW = torch.stack(
        [
            torch.roll(scene_HW, (row + index * row_step, column + index * column_step), (0, 1))
            for index in range(num_frames)
        ]
    )
    noise_THW = torch.randn(frames_THW.shape, generator=generator)
    return (127.5 * (1.0 + frames_THW + noise * noise_THW)).clamp(0, 255).to(torch.uint8)


def write_grey_video(path: Path, frames_THW: Tensor, constant_rate_factor: int) -> None:
    """Write uint8 (T, H, W) frames as an h264 mp4 with one key frame, without colour and B-frames."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(FPS))
        stream.height, stream.width = frames_THW.shape[1:]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        stream.options = {"crf": str(constant_rate_factor), "preset": "veryfast", "bf": "0"}
        for frame_HW in frames_THW.numpy():
            # One thread, as the conversion the encoder would make itself, on all cores, is slower and races at times.
            frame = av.VideoFrame.from_ndarray(frame_HW, format="gray").reformat(format="yuv420p", threads=1)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
