"""Resize, crop, flip and normalisation."""

from __future__ import annotations

import pytest
import torch

from tsdsl.data.settings import ClipSettings
from tsdsl.data.video.augment import View, centre_view, cut, draw_training_view, normalise
from tsdsl.data.video.augment import test_views as views_of_test


def ramp_THWC(height_px: int, width_px: int) -> torch.Tensor:
    """Two frames whose red is the row and whose green is the column."""
    rows = torch.arange(height_px).view(1, -1, 1).expand(2, height_px, width_px)
    columns = torch.arange(width_px).view(1, 1, -1).expand(2, height_px, width_px)
    return torch.stack([rows, columns, torch.zeros_like(rows)], dim=3).to(torch.uint8)


def test_crops_lie_where_their_shares_say() -> None:
    frames = ramp_THWC(20, 40)
    corners = []
    for share in (0.0, 0.5, 1.0):
        cut_THWC = cut(frames, View(20, 20, share, share))
        assert cut_THWC.shape == (2, 20, 20, 3)
        corners.append((int(cut_THWC[0, 0, 0, 0]), int(cut_THWC[0, 0, 0, 1])))
    assert corners == [(0, 0), (0, 10), (0, 20)]


def test_a_flip_mirrors_columns_only() -> None:
    frames = ramp_THWC(8, 8)
    plain, mirrored = cut(frames, View(8, 8)), cut(frames, View(8, 8, flip=True))
    assert torch.equal(mirrored, plain.flip(2))
    assert torch.equal(mirrored[..., 0], plain[..., 0])


@pytest.mark.parametrize("short_side_px", [15, 30, 48])
def test_a_crop_shows_what_lies_there_when_the_whole_frame_is_resized(short_side_px: int) -> None:
    frames = ramp_THWC(30, 40) * 4
    size_px = short_side_px * 2 // 3
    shown = cut(frames, View(short_side_px, size_px, 0.5, 1.0)).float()
    assert shown.shape == (2, size_px, size_px, 3)
    # The crop is 20 of 30 rows from row 5 on, and the last 20 columns.
    per_px = 20 / size_px
    centres = torch.arange(size_px) * per_px + (per_px - 1) / 2
    inner = slice(2, size_px - 2)
    assert shown[0, inner, 3, 0].numpy() == pytest.approx(4 * (5 + centres)[inner].numpy(), abs=1)
    assert shown[0, 3, inner, 1].numpy() == pytest.approx(4 * (20 + centres)[inner].numpy(), abs=1)


def test_training_views_cover_jitter_positions_and_flips() -> None:
    settings = ClipSettings()
    generator = torch.Generator().manual_seed(0)
    views = [draw_training_view(settings, generator) for _ in range(2000)]
    assert {view.short_side_px for view in views} == set(range(182, 229))
    assert {view.size_px for view in views} == {160}
    assert 0.45 < sum(view.flip for view in views) / 2000 < 0.55
    assert min(view.row_share for view in views) < 0.01
    assert max(view.column_share for view in views) > 0.99


def test_every_crop_position_is_reached_and_none_leaves_the_frame() -> None:
    frames = ramp_THWC(10, 12)
    generator = torch.Generator().manual_seed(0)
    settings = ClipSettings(size_px=8, jitter_px=(10, 10))
    places = set()
    for _ in range(400):
        cut_THWC = cut(frames, draw_training_view(settings, generator))
        places.add((int(cut_THWC[..., 0].min()), int(cut_THWC[..., 1].min())))
    assert places == {(row, column) for row in range(3) for column in range(5)}


def test_switching_flip_off_moves_nothing_else() -> None:
    with_flip = draw_training_view(ClipSettings(), torch.Generator().manual_seed(5))
    without = draw_training_view(ClipSettings(flip=False), torch.Generator().manual_seed(5))
    assert not without.flip
    assert (with_flip.short_side_px, with_flip.row_share) == (without.short_side_px, without.row_share)


def test_without_jitter_the_short_side_is_the_crop() -> None:
    view = draw_training_view(ClipSettings(size_px=48, jitter_px=None), torch.Generator().manual_seed(0))
    assert (view.short_side_px, view.size_px) == (48, 48)


def test_test_views_are_one_centre_or_three_across() -> None:
    assert views_of_test(ClipSettings()) == (View(182, 160),)
    assert [view.column_share for view in views_of_test(ClipSettings(test_crops=3))] == [0.0, 0.5, 1.0]
    assert {view.size_px for view in views_of_test(ClipSettings(test_crops=3))} == {182}
    assert centre_view(ClipSettings(test_crops=3)) == View(182, 160)


def test_normalise_gives_the_stated_mean_and_deviation() -> None:
    clips = torch.tensor([0, 255, 115], dtype=torch.uint8)
    expected = (clips.double() / 255 - 0.45) / 0.225
    assert normalise(clips).dtype == torch.float32
    assert normalise(clips).double() == pytest.approx(expected.numpy(), abs=1e-6)
    assert clips.tolist() == [0, 255, 115]
