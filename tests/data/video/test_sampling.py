"""Which times make a clip: formulas, and both streams from one list of times."""

from __future__ import annotations

import pytest
import torch

from tsdsl.data.settings import ClipSettings
from tsdsl.data.video.sampling import (
    centre_times_s,
    draw_training_times_s,
    segment_times_s,
    span_s,
    span_times_s,
    training_start_s,
)
from tsdsl.data.video.sampling import test_start_s as start_of_test_clip_s
from tsdsl.data.video.sampling import test_times_s as times_of_test_clip_s


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_span_counts_frames_of_30_fps() -> None:
    assert span_s(32, 2) == pytest.approx(64 / 30)


def test_test_clips_start_at_even_steps_of_the_room() -> None:
    starts_s = [start_of_test_clip_s(10.0, 2.0, clip, 4) for clip in range(4)]
    assert starts_s == pytest.approx([0.0, 2.0, 4.0, 6.0])


def test_a_video_shorter_than_the_span_starts_at_zero() -> None:
    assert training_start_s(1.0, 2.0, 0.9) == 0.0
    assert start_of_test_clip_s(1.0, 2.0, 3, 4) == 0.0


def test_span_times_step_by_the_rate() -> None:
    assert span_times_s(1.0, 4, 3) == pytest.approx([1.0, 1.1, 1.2, 1.3])


def test_segment_times_lie_in_their_segments() -> None:
    assert segment_times_s(8.0, [0.0, 0.5, 0.5, 0.75]) == pytest.approx([0.0, 3.0, 5.0, 7.5])


@pytest.mark.parametrize("sampling", ["span", "segments"])
def test_the_sparse_stream_takes_every_stride_th_dense_time(sampling: str) -> None:
    dense = ClipSettings(num_frames=32, sampling=sampling)
    sparse = dense.replace(stride=8)
    assert sparse.frames_per_clip == 4
    dense_s = draw_training_times_s(dense, 10.0, seeded(3))
    assert draw_training_times_s(sparse, 10.0, seeded(3)) == dense_s[::8]
    assert times_of_test_clip_s(sparse, 10.0, 1, 3) == times_of_test_clip_s(dense, 10.0, 1, 3)[::8]
    assert centre_times_s(sparse, 10.0) == centre_times_s(dense, 10.0)[::8]


def test_training_starts_fill_the_room_and_stay_within_it() -> None:
    settings = ClipSettings(num_frames=4, rate=2)
    generator = seeded(0)
    starts_s = torch.tensor([draw_training_times_s(settings, 5.0, generator)[0] for _ in range(2000)])
    room_s = 5.0 - 8 / 30
    assert 0 <= starts_s.min() < 0.02 * room_s
    assert 0.98 * room_s < starts_s.max() <= room_s
    assert starts_s.mean() == pytest.approx(room_s / 2, rel=0.05)


def test_training_segments_are_random_within_each_segment() -> None:
    settings = ClipSettings(num_frames=8, sampling="segments")
    generator = seeded(0)
    times_s = torch.tensor([draw_training_times_s(settings, 16.0, generator) for _ in range(300)])
    segments = (times_s / 2).floor()
    assert torch.equal(segments, torch.arange(8.0).expand(300, 8))
    assert (times_s / 2 - segments).std() == pytest.approx(12**-0.5, rel=0.1)


def test_test_segments_are_middles() -> None:
    settings = ClipSettings(num_frames=4, sampling="segments")
    assert times_of_test_clip_s(settings, 8.0, 0, 1) == pytest.approx([1.0, 3.0, 5.0, 7.0])


def test_the_centre_clip_leaves_as_much_before_as_after() -> None:
    settings = ClipSettings(num_frames=30, rate=1)
    assert centre_times_s(settings, 5.0)[0] == pytest.approx(2.0)
