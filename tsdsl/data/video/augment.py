"""Cuts views out of frames: crop, resize and flip as uint8, and normalisation on the device.

Tensor names: B clips, C channels (RGB), T frames, H rows, W columns. Decoded frames are (T, H, W, C), clips are (C, T,
H, W), with the channels still last in memory. Both are uint8: floats would be four times the bytes to copy to the
device, and normalising on the CPU takes nearly half the time of decoding.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from tsdsl.data.randomness import draw_fraction
from tsdsl.data.settings import ClipSettings

MEAN = 0.45
"""The value for every channel, after division by 255 (SlowFast)."""

STANDARD_DEVIATION = 0.225
"""The value for every channel, after division by 255 (SlowFast)."""


@dataclass(frozen=True)
class View:
    """A crop of `size_px` after resizing the short side to `short_side_px`: its position, and whether it is mirrored.

    `row_share` and `column_share` place the crop: 0 is top or left, 0.5 the centre, 1 bottom or right. They are shares,
    because a view is drawn before the size of the video is known.
    """

    short_side_px: int
    size_px: int
    row_share: float = 0.5
    column_share: float = 0.5
    flip: bool = False


def draw_training_view(settings: ClipSettings, generator: torch.Generator) -> View:
    """A random training view: short side uniform in the jitter range, crop uniform, mirrored half the time.

    Always draws four numbers, so no setting changes the randomness of another.
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

    The three are left, centre and right in a wide video, and top, centre and bottom in a tall one.
    """
    shares = (0.5,) if settings.test_crops == 1 else (0.0, 0.5, 1.0)
    return tuple(View(settings.test_short_side_px, settings.test_crop_px, share, share) for share in shares)


def centre_view(settings: ClipSettings) -> View:
    """The centre crop of `size_px` at the evaluation short side, used while searching."""
    return View(settings.test_short_side_px, settings.size_px)


def cut(frames_THWC: Tensor, view: View) -> Tensor:
    """The pixels (T, size, size, C) of a view of frames (T, H, W, C).

    The crop is cut out first and then resized (bilinear, antialiased), which is several times faster than the reverse.
    Its side is rounded to whole pixels of the frame.
    """
    height_px, width_px = frames_THWC.shape[1:3]
    short_px = min(height_px, width_px)
    side_px = max(1, round(view.size_px * short_px / view.short_side_px))
    top, left = _offset(height_px - side_px, view.row_share), _offset(width_px - side_px, view.column_share)
    shown_THWC = frames_THWC[:, top : top + side_px, left : left + side_px]
    if side_px != view.size_px:
        shown_TCHW = functional.interpolate(
            shown_THWC.permute(0, 3, 1, 2), (view.size_px, view.size_px), mode="bilinear", antialias=True
        )
        shown_THWC = shown_TCHW.permute(0, 2, 3, 1)
    return shown_THWC.flip(2) if view.flip else shown_THWC


def _offset(room_px: int, share: float) -> int:
    return min(int(share * (room_px + 1)), room_px) if share != 0.5 else room_px // 2


def normalise(clips_BCTHW: Tensor) -> Tensor:
    """uint8 clips of any shape as float32, (x / 255 - 0.45) / 0.225, on the same device."""
    return clips_BCTHW.float().mul_(1.0 / (255.0 * STANDARD_DEVIATION)).sub_(MEAN / STANDARD_DEVIATION)
