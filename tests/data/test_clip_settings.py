"""Clip settings: the paper's defaults, strictness, and a round trip through JSON."""

from __future__ import annotations

import pytest

from tsdsl.data.settings import ClipSettings, clip_settings
from tsdsl.errors import UsageError


def test_defaults_are_the_papers_sizes() -> None:
    settings = ClipSettings()
    assert settings.jitter_range_px == (182, 228)
    assert (settings.test_short_side_px, settings.test_crop_px) == (182, 160)
    assert settings.replace(test_crops=3).test_crop_px == 182
    assert settings.replace(stride=8).frames_per_clip == 4


def test_jitter_and_test_size_scale_with_the_crop() -> None:
    settings = ClipSettings(size_px=224)
    assert settings.jitter_range_px == (255, 319)
    assert settings.test_short_side_px == 255


def test_jitter_can_be_given_or_left_out() -> None:
    assert ClipSettings(jitter_px=(170, 180)).jitter_range_px == (170, 180)
    assert ClipSettings(jitter_px=None).jitter_range_px is None


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"stride": 5}, "stride must divide num_frames 32, got 5"),
        ({"num_frame": 8}, "num_frame"),
        ({"jitter_px": (100, 200)}, "jitter_px"),
        ({"jitter_px": (200, 190)}, "jitter_px"),
        ({"test_short_px": 100}, "test_short_px"),
        ({"test_crops": 2}, "test_crops"),
        ({"rate": 0}, "rate"),
    ],
)
def test_what_does_not_fit_is_a_usage_error_that_names_it(values: dict[str, object], named: str) -> None:
    with pytest.raises(UsageError) as caught:
        ClipSettings().replace(**values)
    assert named in caught.value.message


def test_json_round_trip() -> None:
    settings = ClipSettings(jitter_px=(170, 190), test_crops=3, flip=False)
    assert ClipSettings.model_validate_json(settings.model_dump_json()) == settings
    assert clip_settings(settings.model_dump(mode="json")) == settings


def test_every_setting_says_where_it_comes_from() -> None:
    for name, field in ClipSettings.model_fields.items():
        assert field.description, name
