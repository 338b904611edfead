"""Cuts decoded frames to clips: short-side resize, crop and flip as uint8, and normalisation on the device.

Tensor names: B clips, C channels (RGB), T frames, H rows, W columns. Decoded frames are (T, H, W, C), clips
are (C, T, H, W); both uint8, because shipping floats to the device costs four times the bytes and float
normalisation on the CPU nearly half the time of decoding.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from tsdsl.data.randomness import draw_fraction
from tsdsl.data.settings import ClipSettings

MEAN = 0.45
"""Of every channel, after division by 255 (SlowFast)."""

STANDARD_DEVIATION = 0.225
"""Of every channel, after division by 255 (SlowFast)."""


@dataclass(frozen=True)
class View:
    """How frames are cut: the short side before the crop, where the crop lies, and whether it is mirrored.

    `row_share` and `column_share` place the crop: 0 is top or left, .5 the centre, 1 bottom or right. Shares
    rather than pixels, because a view is drawn before the size of the video is known.
    """

    short_side_px: int
    size_px: int
    row_share: float = 0.5
    column_share: float = 0.5
    flip: bool = False


def draw_training_view(settings: ClipSettings, generator: torch.Generator) -> View:
    """A random training view: short side uniform in the jitter range, crop uniform, mirrored half the time.

    Draws four numbers whatever the settings, so that one option does not move the randomness of another.
    """
    jitter, row_share, column_share, mirror = (draw_fraction(generator) for _ in range(4))
    low_px, high_px = settings.jitter_range_px or (settings.size_px, settings.size_px)
    return View(
        short_side_px=low_px + int(jitter * (high_px - low_px + 1)),
        size_px=settings.size_px,
        row_share=row_share,
        column_share=column_share,
        flip=settings.flip and mirror < 0.5,
    )


def test_views(settings: ClipSettings) -> tuple[View, ...]:
    """The evaluation views of a clip: the centre crop, or three crops of the whole short side.

    The three lie left, centre and right in a wide video, and top, centre and bottom in a tall one.
    """
    shares = (0.5,) if settings.test_crops == 1 else (0.0, 0.5, 1.0)
    return tuple(View(settings.test_short_side_px, settings.test_crop_px, share, share) for share in shares)


def centre_view(settings: ClipSettings) -> View:
    """The evaluation short side and one centre crop of `size_px`: the fixed view used while searching."""
    return View(settings.test_short_side_px, settings.size_px)


def resize_short_side(frames_THWC: Tensor, short_side_px: int) -> Tensor:
    """The frames with their short side at a length: bilinear, antialiased; unchanged if it is that
    already."""
    height_px, width_px = frames_THWC.shape[1:3]
    if min(height_px, width_px) == short_side_px:
        return frames_THWC
    if width_px <= height_px:
        size_px = (max(short_side_px, height_px * short_side_px // width_px), short_side_px)
    else:
        size_px = (short_side_px, max(short_side_px, width_px * short_side_px // height_px))
    frames_TCHW = frames_THWC.permute(0, 3, 1, 2)
    resized_TCHW = functional.interpolate(
        frames_TCHW, size=size_px, mode="bilinear", antialias=True, align_corners=False
    )
    return resized_TCHW.permute(0, 2, 3, 1)


def crop(frames_THWC: Tensor, view: View) -> Tensor:
    """The clip (C, T, size, size) that a view cuts from frames whose short side it already has."""
    height_px, width_px = frames_THWC.shape[1:3]
    top = _offset(height_px - view.size_px, view.row_share)
    left = _offset(width_px - view.size_px, view.column_share)
    clip_CTHW = frames_THWC[:, top : top + view.size_px, left : left + view.size_px].permute(3, 0, 1, 2)
    return (clip_CTHW.flip(3) if view.flip else clip_CTHW).contiguous()


def _offset(room_px: int, share: float) -> int:
    return min(int(share * (room_px + 1)), room_px) if share != 0.5 else room_px // 2


def normalise(clips_BCTHW: Tensor) -> Tensor:
    """uint8 clips as float32, (x / 255 - .45) / .225; any shape, on the tensor's own device."""
    return clips_BCTHW.float().mul_(1.0 / (255.0 * STANDARD_DEVIATION)).sub_(MEAN / STANDARD_DEVIATION)
