"""The settings for training an architecture from scratch, each with the origin of its default."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from tsdsl.data.settings import ClassSampling, ClipSettings, ReadingSettings


@dataclass(frozen=True)
class CheckpointPolicy:
    """When to save a run in addition to the end of each epoch; may differ between processes."""

    every_s: float = 600.0
    every_iterations: int | None = None
    keep: int = 2


class TrainSettings(BaseModel):
    """The settings of a training run; a resumed run must have the same."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    epochs: int = Field(default=300, ge=1, description="Passes over the training clips. X3D's recipe for Kinetics.")
    batch_size: int = Field(default=64, ge=1, description="Clips per optimiser step. Own choice: fits one large GPU.")
    clips_per_forward: int | None = Field(
        default=None,
        ge=1,
        description="Maximum clips of a process in one forward pass; None: its share. A larger share is split into "
        "equal parts whose gradients are summed, so the step is still for `batch_size` clips; BN statistics are then "
        "over one part in all processes. Own design.",
    )
    class_sampling: ClassSampling = Field(
        default="natural",
        description="How often an epoch takes the clips of each class. `natural`: each clip once. `balanced`: all "
        "classes equally often, small ones by repeating their clips, cut anew each time, so that an epoch has as many "
        "clips as before (class-balanced sampling of Kang et al., arXiv 1910.09217). Own choice.",
    )
    learning_rate: float = Field(
        default=0.4,
        gt=0,
        description="Peak learning rate for `reference_batch_size` clips. Auto-TSNet paper, section 5.2.",
    )
    reference_batch_size: int = Field(
        default=256,
        ge=1,
        description="The batch size that `learning_rate` is for; the rate used is learning_rate * batch_size / "
        "reference_batch_size (linear scaling). The paper names no batch; SlowFast's rule gives 256, "
        "X3D's 512.",
    )
    warmup_fraction: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="Fraction of the run with a linear warm-up. Own choice, near X3D's 35 of 300 epochs.",
    )
    warmup_start: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Start of the warm-up as a fraction of the peak rate. X3D: 0.01 of 0.1.",
    )
    momentum: float = Field(default=0.9, ge=0, lt=1, description="Momentum of SGD. SlowFast and X3D.")
    nesterov: bool = Field(default=True, description="Nesterov's form of momentum. SlowFast and X3D.")
    weight_decay: float = Field(
        default=5e-5, ge=0, description="L2 penalty on weights; none on BN parameters and biases. X3D."
    )
    gradient_norm: float | None = Field(
        default=None,
        gt=0,
        description="Maximum L2 norm of the gradient of all weights together; larger gradients are scaled down. "
        "SlowFast and X3D: none.",
    )
    average_decay: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Decay of an exponential moving average of the weights, which is then validated and saved; "
        "0: none.  SlowFast and X3D: none; 0.9999 is usual.",
    )
    label_smoothing: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Share of the target spread over all classes. SlowFast and X3D: none.",
    )
    precise_norm_batches: int = Field(
        default=64,
        ge=0,
        description="Training batches over which BN statistics are averaged before evaluations and in the final "
        "weights; 0 keeps running statistics. Own choice; SlowFast uses 200.",
    )
    evaluate_every_epochs: int = Field(
        default=5,
        ge=1,
        description="Epochs between validations; the last epoch is always validated. Own choice.",
    )
    validation_views: str = Field(
        default="1x1",
        description="Views of each validation video during training, clips x crops. Own choice, for speed.",
    )
    mixed_precision: bool = Field(
        default=True,
        description="bfloat16 arithmetic on CUDA; elsewhere arithmetic is always float32. Own choice.",
    )
    seed: int = Field(default=0, description="Seed of weights, order, augmentation and dropout. Own choice.")

    @property
    def peak_learning_rate(self) -> float:
        """The learning rate, scaled linearly with the batch size."""
        return self.learning_rate * self.batch_size / self.reference_batch_size


class TrainOptions(ReadingSettings, TrainSettings):
    """The settings in a settings file of `tsdsl train`."""

    def train_settings(self) -> TrainSettings:
        """The settings that decide the result, except clips."""
        return TrainSettings.model_validate({name: getattr(self, name) for name in TrainSettings.model_fields})


class PredictSettings(BaseModel):
    """The settings in a settings file of `tsdsl predict`. Unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    views: str = "10x1"
    """Clips x crops per video. Paper section 5.2: 10x1 is its "10-Center", 10x3 its "10-LeftCenterRight"."""

    clip: ClipSettings | None = None
    """How clips are cut; None for the settings of the training run, else the recommendation of the data set. Frames and
    size are fitted to the model. Own choice."""

    clips_per_forward: int = Field(default=32, ge=1)
    """Views in one forward pass; changes scores only by rounding. Own choice."""

    mixed_precision: bool = True
    """bfloat16 arithmetic on CUDA; elsewhere arithmetic is always float32. Own choice."""

    num_workers: int = Field(default=0, ge=0)
    """Processes that decode clips; changes no result. Own choice."""


class EvaluateSettings(PredictSettings):
    """The settings in a settings file of `tsdsl eval`. Unknown keys are refused."""

    split: str = "val"
    """The split to evaluate on: train, val or test. The paper reports the validation split of Kinetics."""
