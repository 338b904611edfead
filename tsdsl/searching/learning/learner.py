"""What a step of the search learns, and one iteration of it: the shared weights, and alpha or a posterior of scores.

On a training batch the weights descend sum_k m_k grad_w, one architecture in memory at a time. On a validation batch
PARSEC's alpha follows the importance-weighted estimate, and Thompson sampling's posterior takes in the scores.

Shapes: B clips, C channels, T frames, H rows, W columns, K samples, N classes.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from tsdsl.data import Batch, normalise
from tsdsl.data.randomness import derive_generator, seed_torch
from tsdsl.engine.ranks.ranks import ALONE, Ranks
from tsdsl.engine.training.schedule import learning_rate
from tsdsl.errors import FileError, RunError
from tsdsl.lowering.accumulator import WeightedGradients
from tsdsl.lowering.sliced_sgd import dense_step, sliced_step
from tsdsl.lowering.supernet import Leaves, Supernet
from tsdsl.network.layout import Blueprint
from tsdsl.network.parameters import network_parameters
from tsdsl.searching.budget.flops import StepFlops
from tsdsl.searching.distribution.factorised import Distribution
from tsdsl.searching.distribution.importance import (
    accuracy_weights,
    alpha_gradient,
    alpha_optimiser,
    alpha_weights,
    effective_sample_size,
    excess,
    hinge_coefficients,
    loss_coefficients,
    require_samples,
    softmax_weights,
)
from tsdsl.searching.learning.sample_outcome import Outcome, OutcomeOnItsWay
from tsdsl.searching.learning.sample_training import learn, limit_norm, log_losses, scored
from tsdsl.searching.learning.shared_samples import combiner, own_share, put_together
from tsdsl.searching.learning.step_samples import StepSamples
from tsdsl.searching.settings import LR_BATCH_SIZE, SearchSettings
from tsdsl.space.parts import Value

SHARE_DRAWS = 32
"""Draws of a posterior from which alpha's record is made."""


class NotFiniteError(RunError):
    """A loss that is NaN or infinite; the message names the place, the architecture and, where given, the clips."""

    def __init__(
        self,
        step: int | None,
        iteration: int,
        value: float,
        architecture: Mapping[str, Value],
        weight_lr: float,
        clips: str | None = None,
    ) -> None:
        self._facts = (step, iteration, value, architecture, weight_lr)
        chosen = ", ".join(f"{path}={choice}" for path, choice in architecture.items())
        super().__init__(
            f"step {step or 'joint'}, iteration {iteration}: the loss is {value}"
            + ("" if clips is None else f" on {clips}")
            + f" for the architecture {chosen}",
            help=f"lower weight_lr (now {weight_lr}); the last checkpoint is intact",
        )

    def on(self, clips: str) -> NotFiniteError:
        """The same error with the clips named."""
        return NotFiniteError(*self._facts, clips)


@dataclass(frozen=True)
class Scored:
    """What the samples of one batch did: the mean loss and accuracy, and the weights they got."""

    loss: float
    accuracy: float
    weights_K: Tensor
    share_within_target: float


ADAM = ("adam/step", "adam/exp_avg", "adam/exp_avg_sq")


class StepLearner:
    """The supernet's weights with SGD, and alpha with Adam, for one step.

    All that an iteration draws follows from the seed, the step and the iteration's number. Several ranks
    share the samples, each on the whole batch; all of them hold the same weights and the same alpha.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        step: int | None,
        distribution: Distribution,
        flops: StepFlops,
        target_macs: int | None,
        settings: SearchSettings,
        device: torch.device,
        ranks: Ranks = ALONE,
    ) -> None:
        self.step, self.settings, self.device, self.ranks = step, settings, device, ranks
        self.flops, self.target_macs = flops, target_macs
        self.distribution = distribution
        self.samples = StepSamples(step, distribution, flops, target_macs, settings)
        self.posterior = self.samples.posterior
        # Samples whose outcome is not waited for: a device computes the next one meanwhile.
        self.num_ahead = 0 if device.type == "cpu" else 1
        self.supernet = Supernet(blueprint, seed=settings.seed).to(device)
        self.base_lr = settings.weight_lr * settings.batch_size / LR_BATCH_SIZE
        kinds = self.supernet.parameter_kinds()
        self.names = tuple(network_parameters(blueprint.over(step)))
        decayed = [self.supernet.placed[name] for name in self.names if kinds[name] == "weight"]
        others = [self.supernet.placed[name] for name in self.names if kinds[name] != "weight"]
        self.sgd = torch.optim.SGD(
            [
                {"params": decayed, "weight_decay": settings.weight_decay},
                {"params": others, "weight_decay": 0.0},
            ],
            lr=self.base_lr,
            momentum=settings.momentum,
            nesterov=settings.momentum > 0,
            fused=True,
        )
        if settings.momentum:
            # The fused step takes momentum from all weights or none, and a batch's samples use some.
            for parameter in (*decayed, *others):
                self.sgd.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        self.adam = alpha_optimiser(distribution, settings.alpha_lr, settings.alpha_momentum)

    @property
    def learns_alpha(self) -> bool:
        """Whether alpha moves; in the baselines it stays uniform."""
        return self.settings.method in ("thompson", "parsec")

    def update_weights(self, batch: Batch, iteration: int, progress: float, *, warms_up: bool = False) -> Scored:
        """One SGD step on a training batch; `progress` is the fraction of all iterations done.

        While it `warms_up`, the samples and their weights are those of `warmup_samples`.

        Raises:
            NotFiniteError: the loss is not a finite number; no weight was changed by this batch.
        """
        clips_BCTHW, labels_B = self._on_device(batch)
        rule = self.settings.warmup_samples if warms_up else "drawn"
        if rule == "drawn":
            samples = self.ranks.first(lambda: self.samples.training(iteration))
        else:
            samples = self.ranks.first(lambda: self.samples.sandwich(iteration))
        self.supernet.train()
        gradients = WeightedGradients(self.supernet)
        own: list[Outcome] = []
        unread: deque[tuple[Leaves, OutcomeOnItsWay]] = deque()
        teacher_BN: Tensor | None = None
        share = list(own_share(samples, self.ranks))
        if rule == "distilled" and not self.ranks.is_first:
            teacher_BN = self._taught(None)
        for number, sample in share:
            # By the sample's number, so that its dropout is the same on whichever rank.
            seed_torch(self.settings.seed, "dropout", str(self.step), iteration, number)
            leaves = self.supernet.leaves(sample, self.step)
            scores_BN = learn(self.supernet, leaves, clips_BCTHW, labels_B, self.settings, teacher_BN)
            if rule == "distilled" and number == 0:
                teacher_BN = self._taught(scores_BN)
            unread.append((leaves, OutcomeOnItsWay(log_losses(scores_BN, labels_B), scores_BN, labels_B)))
            if len(unread) > self.num_ahead:
                own.append(self._add(gradients, *unread.popleft(), is_weighted=rule == "drawn"))
        own.extend(self._add(gradients, *waiting, is_weighted=rule == "drawn") for waiting in unread)
        outcomes = put_together(own, self.ranks)
        self._require_finite(outcomes, samples, iteration)
        for group in self.sgd.param_groups:
            group["lr"] = learning_rate(self.base_lr, progress)
        self._step(gradients)
        weights_K = softmax_weights(_scores(outcomes), self.settings.likelihood_temperature)
        return self._scored(
            samples, outcomes, weights_K if rule == "drawn" else torch.full_like(weights_K, 1 / len(samples))
        )

    def _taught(self, scores_BN: Tensor | None) -> Tensor:
        """The largest architecture's scores, which rank 0 gives, on every rank; together."""
        given = None if scores_BN is None else {"scores": scores_BN}
        return self.ranks.from_first(given)["scores"].to(self.device)

    def _add(
        self, gradients: WeightedGradients, leaves: Leaves, outcome: OutcomeOnItsWay, *, is_weighted: bool
    ) -> Outcome:
        """One sample's outcome, its gradients added; without them where its loss is not a number."""
        read = outcome.read(self.settings.reduction)
        if math.isfinite(read.loss):
            gradients.add(leaves, read.score / self.settings.likelihood_temperature if is_weighted else 0.0)
        return read

    def _step(self, gradients: WeightedGradients) -> None:
        """A step of SGD on the weighted gradients of all ranks."""
        combine = combiner(self.supernet.placed, self.ranks)
        _, parts = gradients.finish_parts(combine)
        limit_norm([part.gradient for part in parts.values()], self.settings.gradient_norm)
        step = sliced_step if self.settings.weight_updates == "sliced" else dense_step
        step(self.sgd, self.supernet.placed, parts)

    @torch.no_grad()
    def update_alpha(self, batch: Batch, iteration: int) -> Scored:
        """Learn from a validation batch: alpha by a step of Adam, or the posterior. BN takes the batch's statistics.

        Dropout is off.

        Raises:
            NotFiniteError: the loss is not a finite number; alpha was not changed by this batch.
        """
        clips_BCTHW, labels_B = self._on_device(batch)
        samples = self.ranks.first(lambda: self.samples.validation(iteration))
        self.supernet.eval()
        unread: list[OutcomeOnItsWay] = []
        for _, sample in own_share(samples, self.ranks):
            scores_BN = scored(partial(self.supernet, architecture=sample, step=self.step), clips_BCTHW, self.settings)
            unread.append(OutcomeOnItsWay(log_losses(scores_BN, labels_B), scores_BN, labels_B))
        outcomes = put_together([outcome.read(self.settings.reduction) for outcome in unread], self.ranks)
        self._require_finite(outcomes, samples, iteration)
        weights_K = self._alpha_weights(outcomes)
        if self.posterior is not None:
            is_accuracy = self.settings.score == "accuracy"
            self.posterior.observe(samples, [o.accuracy if is_accuracy else o.score for o in outcomes])
            return self._scored(samples, outcomes, weights_K)
        gradient = {"alpha": self._alpha_gradient(samples, weights_K)} if self.ranks.is_first else None
        self.distribution.logits.grad = self.ranks.from_first(gradient)["alpha"]
        self.adam.step()
        self.adam.zero_grad(set_to_none=True)
        return self._scored(samples, outcomes, weights_K)

    @torch.no_grad()
    def refresh(self, iteration: int) -> None:
        """Let alpha be the posterior's shares of draws, where there is a posterior; together.

        Alpha is then what is recorded of it, and nothing is drawn from alpha.
        """
        posterior = self.posterior
        if posterior is None or not posterior.has_begun:
            return

        def shares() -> dict[str, Tensor]:
            draw = derive_generator(self.settings.seed, "shares", str(self.step), iteration)
            told = posterior.shares(posterior.draws(SHARE_DRAWS, draw))
            logits = torch.tensor([p for decision in told.values() for p in decision], dtype=torch.float64).log()
            return {"alpha": logits}

        self.distribution.logits.copy_(self.ranks.from_first(shares() if self.ranks.is_first else None)["alpha"])

    def tensors(self) -> dict[str, Tensor]:
        """Everything that is learned, by name, for a checkpoint."""
        result = {f"weights/{name}": tensor.detach() for name, tensor in self.supernet.placed.items()}
        for name in self.names:
            momentum = self.sgd.state.get(self.supernet.placed[name], {}).get("momentum_buffer")
            if momentum is not None:
                result[f"momentum/{name}"] = momentum
        result["alpha"] = self.distribution.logits.detach()
        for name, value in self.adam.state.get(self.distribution.logits, {}).items():
            result[f"adam/{name}"] = value
        if self.posterior is not None:
            result |= {f"posterior/{name}": value for name, value in self.posterior.tensors().items()}
        return result

    @torch.no_grad()
    def restore(self, tensors: Mapping[str, Tensor], place: str) -> None:
        """Takes up what `tensors` gave.

        Raises:
            FileError: the tensors are not those of this step; `place` names where they are from.
        """
        self.inherit(
            {name.removeprefix("weights/"): t for name, t in tensors.items() if name.startswith("weights/")},
            place,
        )
        alpha = tensors.get("alpha")
        if alpha is None or alpha.shape != self.distribution.logits.shape:
            raise _foreign(place, "alpha")
        self.distribution.logits.copy_(alpha)
        for name in self.names:
            if f"momentum/{name}" in tensors:
                parameter, momentum = self.supernet.placed[name], tensors[f"momentum/{name}"]
                if momentum.shape != parameter.shape:
                    raise _foreign(place, f"momentum/{name}")
                self.sgd.state[parameter]["momentum_buffer"] = momentum.to(parameter, copy=True)
        for name, value in tensors.items():
            if name.startswith("adam/"):
                if name not in ADAM or value.shape not in (alpha.shape, ()):
                    raise _foreign(place, name)
                self.adam.state[self.distribution.logits][name.removeprefix("adam/")] = value.cpu().clone()
        if self.posterior is not None:
            own = {n.removeprefix("posterior/"): t.cpu() for n, t in tensors.items() if n.startswith("posterior/")}
            if not self.posterior.restore(own):
                raise _foreign(place, "posterior")

    @torch.no_grad()
    def inherit(self, weights: Mapping[str, Tensor], place: str) -> None:
        """Takes the shared weights, all of them, by dotted name.

        Raises:
            FileError: a weight is missing or of another shape.
        """
        for name, tensor in self.supernet.placed.items():
            if name not in weights or weights[name].shape != tensor.shape:
                raise _foreign(place, name)
            tensor.copy_(weights[name])

    def _alpha_gradient(self, samples: list[dict[str, Value]], weights_K: Tensor) -> Tensor:
        """The gradient of the loss that alpha descends."""
        weights_K = alpha_weights(weights_K, self.settings.centred)
        if self.settings.budget == "condition" and self.samples.within is not None:
            return self.samples.within.score_gradient(samples, -weights_K)
        excess_K = torch.tensor(
            [excess(self.flops.macs(sample), self.target_macs) for sample in samples], dtype=torch.float64
        )
        hinge_K = hinge_coefficients(excess_K, self.settings.hinge_form, self.settings.centred)
        if self.samples.allowed is not None:
            require_samples(len(samples))
            return self.samples.allowed.score_gradient(
                samples, loss_coefficients(weights_K, hinge_K, self.settings.hinge)
            )
        return alpha_gradient(self.distribution, samples, weights_K, hinge_K, self.settings.hinge)

    def _alpha_weights(self, outcomes: list[Outcome]) -> Tensor:
        settings = self.settings
        if settings.score == "likelihood":
            return softmax_weights(_scores(outcomes), settings.likelihood_temperature)
        return accuracy_weights(
            torch.tensor([outcome.accuracy for outcome in outcomes], dtype=torch.float64),
            settings.accuracy_weights,
            settings.accuracy_temperature,
        )

    def _require_finite(self, outcomes: list[Outcome], samples: list[dict[str, Value]], iteration: int) -> None:
        for outcome, sample in zip(outcomes, samples, strict=True):
            if not math.isfinite(outcome.loss):
                raise NotFiniteError(self.step, iteration, outcome.loss, sample, self.settings.weight_lr)

    def _on_device(self, batch: Batch) -> tuple[Tensor, Tensor]:
        moved = batch.to(self.device)
        return normalise(moved.clips_BCTHW), moved.labels_B

    def _scored(self, samples: list[dict[str, Value]], outcomes: list[Outcome], weights_K: Tensor) -> Scored:
        within = [self.target_macs is None or self.flops.macs(sample) <= self.target_macs for sample in samples]
        return Scored(
            loss=sum(outcome.loss for outcome in outcomes) / len(outcomes),
            accuracy=sum(outcome.accuracy for outcome in outcomes) / len(outcomes),
            weights_K=weights_K,
            share_within_target=sum(within) / len(within),
        )


def metrics(training: Scored, validation: Scored | None, learner: StepLearner, progress: float) -> dict[str, float]:
    """The numbers of one iteration, by name."""
    values = {
        "training/loss": training.loss,
        "training/accuracy": training.accuracy,
        "training/effective_samples": effective_sample_size(training.weights_K),
        "samples": float(len(training.weights_K)),
        "entropy": learner.distribution.entropy(),
        "expected_flops": learner.flops.expected(learner.distribution),
        "weight_lr": learning_rate(learner.base_lr, progress),
    }
    if validation is not None:
        values |= {
            "validation/loss": validation.loss,
            "validation/accuracy": validation.accuracy,
            "validation/effective_samples": effective_sample_size(validation.weights_K),
            "share_within_target": validation.share_within_target,
        }
    return values


def _scores(outcomes: list[Outcome]) -> Tensor:
    return torch.tensor([outcome.score for outcome in outcomes], dtype=torch.float64)


def _foreign(place: str, name: str) -> FileError:
    return FileError(
        f"{place}: {name} is missing or does not fit this step",
        help="it belongs to another space or another number of classes; choose another run folder",
    )
