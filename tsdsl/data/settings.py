"""The settings of clips: the frames and pixels of a video that make a clip."""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from tsdsl.diagnostics.suggest import similar
from tsdsl.errors import UsageError

Settings = TypeVar("Settings", bound=BaseModel)
REFERENCE_FPS = 30.0
"""The frame rate of `rate`, independent of the rate of the file (convention of SlowFast)."""


ClassSampling = Literal["natural", "balanced"]
"""How an epoch draws clips: each once, or the same number from every class."""


class ClipSettings(BaseModel):
    """How clips are cut out of videos, for training, search and evaluation.

    Sizes are in pixels, times in frames of a 30 fps video. Unknown keys are refused.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    num_frames: int = Field(default=32, ge=1)
    """Frames of the dense stream, the master list of times. Paper section 5.2: 32."""

    stride: int = Field(default=1, ge=1)
    """Use every `stride`-th of those times, starting with the first: 1 gives the clip of the dense stream, 8 the 4 of
    32 frames of the sparse stream (paper section 5.2). Skipped times are not decoded."""

    rate: float = Field(default=2.0, gt=0)
    """Frames of a 30 fps video between two times: 32 frames at rate 2 span 64 (SlowFast 4x16)."""

    sampling: Literal["span", "segments"] = "span"
    """`span`: times at a fixed rate (Kinetics). `segments`: one time from each of `num_frames` equal parts of the whole
    video (Something-Something V2)."""

    size_px: int = Field(default=160, ge=8)
    """Side of the square crop. Paper section 5.2: 160."""

    jitter_px: Literal["scaled"] | tuple[int, int] | None = "scaled"
    """Range of the short side in training. `scaled`: [182, 228] at 160 as in the paper, in proportion to `size_px`.
    None: no jitter; the short side is resized to `size_px`."""

    flip: bool = True
    """Mirror half of the training clips (SlowFast). Refused for data with classes that are directions."""

    test_short_px: Literal["scaled"] | int = "scaled"
    """Short side in evaluation. `scaled`: 182 at 160 as in the paper, in proportion to `size_px`."""

    test_clips: int = Field(default=10, ge=1)
    """Clips per video in evaluation. Paper section 5.2: 10."""

    test_crops: Literal[1, 3] = 1
    """Crops per clip in evaluation: 1 is the centre crop of `size_px` ("10-Center"), 3 are the left, centre and right
    crops of the whole short side ("10-LeftCenterRight")."""

    @model_validator(mode="after")
    def _check(self) -> ClipSettings:
        if self.num_frames % self.stride:
            raise ValueError(f"stride must divide num_frames {self.num_frames}, got {self.stride}")
        if self.jitter_range_px is not None:
            low_px, high_px = self.jitter_range_px
            if not self.size_px <= low_px <= high_px:
                raise ValueError(f"jitter_px must ascend from size_px {self.size_px}, got ({low_px}, {high_px})")
        if self.test_short_side_px < self.size_px:
            raise ValueError(f"test_short_px must be size_px {self.size_px} or more, got {self.test_short_side_px}")
        return self

    @property
    def frames_per_clip(self) -> int:
        """Frames T of a clip, after the stride."""
        return self.num_frames // self.stride

    @property
    def jitter_range_px(self) -> tuple[int, int] | None:
        """The range of the short side in training in pixels, both ends included; None without jitter."""
        if self.jitter_px == "scaled":
            return round(self.size_px * 182 / 160), round(self.size_px * 228 / 160)
        return self.jitter_px

    @property
    def test_short_side_px(self) -> int:
        """The short side in evaluation in pixels."""
        if self.test_short_px == "scaled":
            return round(self.size_px * 182 / 160)
        return self.test_short_px

    @property
    def test_crop_px(self) -> int:
        """The side of an evaluation crop in pixels."""
        return self.size_px if self.test_crops == 1 else self.test_short_side_px

    def replace(self, **changes: Any) -> ClipSettings:
        """A validated copy with some settings changed; UsageError names invalid ones."""
        return clip_settings(self.model_dump() | changes)


class ReadingSettings(BaseModel):
    """How search and training read the clips of a data set. Unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    clip: ClipSettings | None = None
    """How clips are cut; None for the recommendation of the data set. Frames and size are fitted to the space.
    Own choice."""

    num_workers: int = Field(default=0, ge=0)
    """Processes that decode clips; changes no result. Own choice."""

    cache: bool = False
    """Keep decoded videos in memory; changes no result. Own choice."""


def clip_settings(values: dict[str, Any]) -> ClipSettings:
    """The settings of a mapping; UsageError names invalid keys."""
    return validated(ClipSettings, values, "clip settings")


def validated(model: type[Settings], values: dict[str, Any], what: str) -> Settings:
    """Settings of a model from a mapping; UsageError names invalid keys."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or what}: {_problem(item, model)}" for item in error.errors()
        )
        raise UsageError(f"invalid {what}: {problems}", help=f"the keys are {', '.join(model.model_fields)}") from error


def _problem(item: ErrorDetails, model: type[BaseModel]) -> str:
    """What pydantic says of a value; of an unknown setting, with similar names."""
    if item["type"] != "extra_forbidden":
        return item["msg"]
    close = similar(str(item["loc"][-1]), model.model_fields)
    return "unknown setting" + (f"; did you mean {' or '.join(close)}?" if close else "")
