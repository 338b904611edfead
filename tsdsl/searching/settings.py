"""The settings of a search: frozen, strict, each default with the place it comes from.

"Paper" is Gong et al., ICCV 2021 (Auto-TSNet), section 5.2 unless another is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tsdsl.data.settings import ClassSampling, ClipSettings, ReadingSettings, validated
from tsdsl.searching.distribution.importance import AccuracyWeights, HingeForm, Reduction

Method = Literal["thompson", "parsec", "random", "evolution", "single_path"]

LR_BATCH_SIZE = 256
"""The batch size that `weight_lr` is meant for; it is scaled in proportion (SlowFast's linear rule)."""


PAPER_VALUES: Mapping[str, Any] = MappingProxyType(
    {
        "method": "parsec",
        "accuracy_weights": "literal",
        "accuracy_temperature": 1.0,
        "centred": False,
        "alpha_lr": 0.025,
        "alpha_momentum": 0.9,
        "budget": "hinge",
        "hinge": 1.0,
        "hinge_form": "normalized",
        "warmup_epochs": 0,
    }
)
"""What `recipe = paper` gives."""


class SearchSettings(BaseModel):
    """How a step is searched: whatever changes what it finds. Unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    seed: int = Field(default=0, ge=0)
    """All randomness derives from it. Own choice."""

    method: Method = "thompson"
    """`thompson`: Thompson sampling with a Bayesian linear model and exact arg-maxima within the target, which ends
    highest on tables and above `parsec` on clips (own measurements); `parsec` (paper); or a baseline on the same clips
    and within the same target:
    `random` and `evolution` train the weights on K uniform architectures a batch and measure `evaluations` of them,
    `single_path` trains on one uniform architecture a batch (SPOS, Guo et al. 2020), then evolves. All but `parsec`
    have no alpha: its settings, `hinge` and `budget` have no effect on them, nor has `warmup_epochs` on baselines."""

    recipe: Literal["paper"] | None = None
    """`paper`: the paper's method by the letter, where nothing else is given: PARSEC with weights acc / sum of acc, its
    learning rate and its hinge, as FP-NAS has it. Own choice: None."""

    evaluations: int = Field(default=200, ge=1)
    """Architectures that a baseline measures once the weights are trained. No effect on `parsec`. Own choice."""

    population: int = Field(default=20, ge=1)
    """Of evolution: how many of the newest are alive. Own choice, for a few hundred evaluations; Real et al. 100."""

    tournament: int = Field(default=5, ge=1)
    """Of evolution: the best of how many is mutated. A quarter of the population, as in Real et al."""

    scoring_batches: int | None = Field(default=None, ge=1)
    """Batches of the validation half on which a baseline measures an architecture, the same for all; None for the
    whole half. BN takes each batch's statistics. No effect on `parsec`, which scores one batch. Own choice."""

    samples: int | Literal["adaptive"] = 8
    """Architectures K sampled for each batch, at least 2. The paper does not give its number; 8 keeps a
    cosine of .88 to the exact gradient on a toy problem. `adaptive`: max(2, round(H / 4)) with the entropy H
    in nats, FP-NAS's rule."""

    score: Literal["accuracy", "likelihood"] = "accuracy"
    """What weighs the samples for alpha: validation accuracy (paper, section 4.1), or PARSEC's likelihood."""

    accuracy_weights: AccuracyWeights = "standardized"
    """How accuracies become weights. `literal`, acc / sum of acc, is closest to the paper's words but carries
    almost no signal (own measurements); `softmax` is exp(acc / T), `standardized` divides by the samples'
    standard deviation first."""

    accuracy_temperature: float = Field(default=1.0, gt=0)
    """T of `softmax` and `standardized`. Own choice."""

    centred: bool = False
    """Subtract 1/K from each weight in alpha's gradient. What is taken away has expectation zero, so only noise of
    drawing goes: a control variate (own design; off, because PARSEC has none). See the table of search methods."""

    reduction: Reduction = "mean"
    """How a batch's log-likelihoods become the score that weighs the weights' gradients, and alpha's under
    score = likelihood. PARSEC's `sum` lets one sample take all the weight at large batches; with `mean` all
    are trained. Own choice."""

    likelihood_temperature: float = Field(default=1.0, gt=0)
    """T in softmax(score / T) of likelihood scores. PARSEC: 1."""

    alpha_lr: float = Field(default=0.025, gt=0)
    """Adam's learning rate for alpha. Paper; its weight decay is 0."""

    alpha_momentum: float = Field(default=0.9, ge=0, lt=1)
    """Adam's first beta for alpha. Adam's own default, as the paper names none; DARTS takes 0.5, with which the
    search of a table finds more (own measurements)."""

    weight_lr: float = Field(default=0.4, gt=0)
    """SGD's learning rate for the weights at a batch of 256; scaled in proportion to `batch_size`. Paper: .4,
    without naming the batch it goes with; 256 is SlowFast's."""

    momentum: float = Field(default=0.9, ge=0, lt=1)
    """SGD's Nesterov momentum; 0 turns it off. SlowFast's recipe; the paper does not say."""

    weight_decay: float = Field(default=5e-5, ge=0)
    """SGD's weight decay, on weights only, not on biases and BN. X3D's recipe; the paper does not say."""

    weight_updates: Literal["dense", "sliced"] = "dense"
    """`dense`: SGD moves every weight that a sample of the batch has a part of, the rest of it by momentum and
    decay (PARSEC and others, as optimisers do it by themselves). `sliced`: only what the samples use; faster on
    a CPU, above all with few samples (own choice, tests/benchmarks/supernet_step.py)."""

    batch_size: int = Field(default=64, ge=1)
    """Clips a batch, for training and for scoring. Own choice; the paper does not say."""

    clips_per_forward: int | None = Field(default=None, ge=1)
    """Most clips that go through an architecture at once; None: the whole batch. A larger batch is taken in equal
    parts whose gradients are summed; BN then takes the statistics of a part, also while scoring. Own design."""

    class_sampling: ClassSampling = "natural"
    """How often an epoch takes the clips of each class, for weights and alpha. `natural`: each clip once. `balanced`:
    all classes equally often, small ones by repeating their clips (Kang et al., arXiv 1910.09217). Accuracies are of
    all clips once. Own choice."""

    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of the target spread over all classes in the weights' loss; scores are not smoothed. SlowFast and X3D:
    none."""

    gradient_norm: float | None = Field(default=None, gt=0)
    """Largest L2 norm of the weights' gradient, all samples and weights together; a longer one is scaled down to
    it. SlowFast and X3D: none."""

    hinge: float = Field(default=1.0, ge=0)
    """Beta of the hinge on FLOPs above the step's target. The paper has the term and does not give its weight."""

    hinge_form: HingeForm = "normalized"
    """`normalized`: a sample's part is C_k / sum_j C_j, C = max(0, FLOPs / target - 1); it is of the same size
    however little is above the target (FP-NAS; it descends log E[C]). `additive`: C_k / K; it descends E[C], as a
    term added to the loss. The paper does not say which."""

    budget: Literal["hinge", "condition"] = "hinge"
    """How the step's target acts on the search. `hinge`: as a term of alpha's loss (paper, FP-NAS). `condition`:
    architectures are drawn from P(A | alpha) given that they are within the target, and alpha follows the
    gradient of that distribution; `hinge` then has no effect (own design)."""

    epochs: int | None = Field(default=None, ge=1)
    """Epochs of a step; None takes the step's own (paper: 800, 400, 200)."""

    warmup_epochs: int = Field(default=0, ge=0)
    """Epochs in which only the weights learn, before alpha moves. Paper: none."""

    scoring_fraction: float = Field(default=0.25, gt=0, le=1)
    """Of `thompson`: the last part of a step's iterations, in which architectures are scored as well. A batch then
    scores K / scoring_fraction of them, so that about the same number is scored and trained. Own choice: scores of
    early weights say little about the final ones (own measurements)."""

    stop_loss: float | None = Field(default=None, gt=0)
    """Of `thompson`: a step ends with the first epoch after which the best architecture is expected to score at most
    so much more than the one that would be found, in the unit of scores: .005 is half a point of accuracy. The weights'
    learning rate has then not come to its end. None: all epochs. Own choice."""

    warmup_samples: Literal["drawn", "sandwich", "distilled"] = "drawn"
    """What the weights learn from in the `warmup_epochs`. `drawn`: as afterwards (own choice). `sandwich`: the
    largest architecture, the smallest and K - 2 drawn ones, all of the same weight (BigNAS's rule). `distilled`:
    likewise, but all except the largest learn its scores instead of the labels (BigNAS's in-place distillation)."""

    validation_views: str = "1x1"
    """Views of each validation clip when the found architecture's accuracy is measured, clips x crops.
    Own choice, for speed; the paper tests with 10x1."""

    mixed_precision: bool = True
    """bfloat16 arithmetic on CUDA; elsewhere arithmetic is always float32. Own choice."""

    recalibration_batches: int = Field(default=64, ge=1)
    """Training batches from which the found architecture's BN statistics are computed before its accuracy
    is measured. AttentiveNAS's practice."""

    @model_validator(mode="after")
    def _follow_recipe(self) -> SearchSettings:
        # Not before the fields are read: JSON would become Python first, whose lists are not tuples to strict types.
        if self.recipe == "paper":
            self.__dict__.update({name: PAPER_VALUES[name] for name in PAPER_VALUES.keys() - self.model_fields_set})
        return self

    @model_validator(mode="after")
    def _refuse_without_effect(self) -> SearchSettings:
        if self.warmup_samples != "drawn" and not self.warmup_epochs:
            raise ValueError(f"warmup_samples = {self.warmup_samples} has no effect without warmup_epochs")
        if self.stop_loss is not None and self.method != "thompson":
            raise ValueError(f"stop_loss has no effect on method = {self.method}: only thompson knows a loss")
        return self


class DataSettings(ReadingSettings):
    """Which clips a search sees and how they are read. Unknown keys are refused."""

    classes: int | None = Field(default=None, ge=2)
    """Random classes of the data set, None for all. Paper: 100 of Kinetics-400 (MiniKinetics-100)."""

    class_seed: int = Field(default=0, ge=0)
    """Which classes `classes` takes; apart from `seed`, so that searches of several seeds see the same clips.
    Own choice; the paper does not list its classes."""

    validation_fraction: float = Field(default=0.5, gt=0, lt=1)
    """The part of the clips that alpha learns from; the weights learn from the rest. PARSEC: half."""


class Cadence(BaseModel):
    """How often a search writes; changes no result."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    checkpoint_iterations: int = Field(default=200, ge=1)
    """Iterations from one checkpoint to the next. Own choice."""

    log_iterations: int = Field(default=10, ge=1)
    """Iterations from one line of metrics to the next. Own choice."""


class SearchOptions(Cadence, DataSettings, SearchSettings):
    """All that a settings file of `tsdsl search` may hold."""

    def search_settings(self) -> SearchSettings:
        """What changes what is found."""
        return SearchSettings.model_validate({name: getattr(self, name) for name in SearchSettings.model_fields})

    def data_settings(self) -> DataSettings:
        """Which clips, and how they are read."""
        return DataSettings.model_validate({name: getattr(self, name) for name in DataSettings.model_fields})

    def cadence(self) -> Cadence:
        """How often it writes."""
        return Cadence.model_validate({name: getattr(self, name) for name in Cadence.model_fields})


class StepSettings(SearchSettings):
    """What is recorded with a step and must be the same when it is resumed."""

    step_epochs: int
    """The epochs in force, from `epochs` or the space."""

    target_macs: int | None
    """The step's FLOPs target in force, in multiply-adds."""

    classes: int | None
    class_seed: int = 0
    class_names: tuple[str, ...] | None = None
    """The classes in the order of their labels; None in runs of versions that recorded those of `classes` alone."""

    validation_fraction: float
    clip: ClipSettings
    num_classes: int
    """Classes the classifier tells apart."""

    training_clips: int
    validation_clips: int

    def search_settings(self) -> SearchSettings:
        """The part that the user chose."""
        return SearchSettings.model_validate({name: getattr(self, name) for name in SearchSettings.model_fields})

    def data_settings(self) -> DataSettings:
        """The part about data that the user chose."""
        return DataSettings(
            classes=self.classes,
            class_seed=self.class_seed,
            validation_fraction=self.validation_fraction,
            clip=self.clip,
        )


def search_settings(values: dict[str, Any]) -> SearchSettings:
    """The settings of a mapping; UsageError names invalid keys."""
    return validated(SearchSettings, values, "search settings")
