"""Chooses the times of a clip: pure functions from a length and random fractions to times.

Times are seconds after the first frame of the used part of the video. The sparse stream uses every `stride`-th time of
the dense stream, starting with the first, so both streams come from one decode and time-strided fusion sees the same
frames (own design; SlowFast uses truncated linspace indices).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tsdsl.data.settings import REFERENCE_FPS, ClipSettings


def span_s(num_frames: int, rate: float) -> float:
    """The length of a clip in seconds: `rate * num_frames` frames at 30 fps."""
    return num_frames * rate / REFERENCE_FPS


def training_start_s(length_s: float, clip_span_s: float, fraction: float) -> float:
    """The start of a training clip, uniform for a uniform fraction; 0 if the video is too short."""
    return max(length_s - clip_span_s, 0.0) * fraction


def test_start_s(length_s: float, clip_span_s: float, clip: int, num_clips: int) -> float:
    """The start of test clip `clip` of `num_clips`: clip * (length - span) / num_clips (SlowFast)."""
    return max(length_s - clip_span_s, 0.0) * clip / num_clips


def span_times_s(start_s: float, num_frames: int, rate: float, stride: int = 1) -> list[float]:
    """Times at a fixed rate from `start_s` on, possibly past the end."""
    return [start_s + index * rate / REFERENCE_FPS for index in range(0, num_frames, stride)]


def segment_times_s(length_s: float, fractions: Sequence[float], stride: int = 1) -> list[float]:
    """One time from each of `len(fractions)` equal segments, at the given fraction of the segment."""
    num_frames = len(fractions)
    return [(index + fractions[index]) * length_s / num_frames for index in range(0, num_frames, stride)]


def draw_training_times_s(settings: ClipSettings, length_s: float, generator: torch.Generator) -> list[float]:
    """The times of a training clip. The stride does not change the random draws."""
    if settings.sampling == "segments":
        fractions = torch.rand(settings.num_frames, generator=generator, dtype=torch.float64)
        return segment_times_s(length_s, fractions.tolist(), settings.stride)
    fraction = float(torch.rand((), generator=generator, dtype=torch.float64))
    start_s = training_start_s(length_s, span_s(settings.num_frames, settings.rate), fraction)
    return span_times_s(start_s, settings.num_frames, settings.rate, settings.stride)


def test_times_s(settings: ClipSettings, length_s: float, clip: int, num_clips: int) -> list[float]:
    """The times of test clip `clip` of `num_clips`.

    With segments, clip i of n uses the point (i + 0.5) / n of each segment.
    """
    if settings.sampling == "segments":
        fractions = [(clip + 0.5) / num_clips] * settings.num_frames
        return segment_times_s(length_s, fractions, settings.stride)
    start_s = test_start_s(length_s, span_s(settings.num_frames, settings.rate), clip, num_clips)
    return span_times_s(start_s, settings.num_frames, settings.rate, settings.stride)


def centre_times_s(settings: ClipSettings, length_s: float) -> list[float]:
    """The times of the clip in the middle of a video, used while searching."""
    if settings.sampling == "segments":
        return test_times_s(settings, length_s, 0, 1)
    start_s = training_start_s(length_s, span_s(settings.num_frames, settings.rate), 0.5)
    return span_times_s(start_s, settings.num_frames, settings.rate, settings.stride)
