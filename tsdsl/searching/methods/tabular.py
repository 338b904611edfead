"""Searches of a table of accuracies: all methods on the same number of look-ups.

Looking up a value replaces the scoring of one architecture. PARSEC's estimator is the one that searches with shared
weights use, with the accuracy of the table in place of one batch's.

Shapes: K samples, R rows of the table, L logits of alpha.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tsdsl.data.randomness import derive_generator, derive_seed
from tsdsl.errors import UsageError
from tsdsl.searching.distribution.factorised import Decisions, Distribution
from tsdsl.searching.distribution.importance import (
    accuracy_weights,
    adaptive_samples,
    alpha_gradient,
    alpha_optimiser,
    alpha_weights,
    excess,
    hinge_coefficients,
    require_samples,
)
from tsdsl.searching.methods.accuracy_table import TableCandidates
from tsdsl.searching.methods.baselines import Evaluation, best_seen, strategy_of
from tsdsl.searching.methods.thompson import Thompson
from tsdsl.searching.settings import SearchSettings
from tsdsl.space.parts import Value

OFFSET = 0.02
"""The standard deviation of what all look-ups of a batch share, where look-ups are noisy."""


@dataclass(frozen=True, eq=False)
class TabularSearch:
    """Everything that was looked up, in order, and what the search ends with.

    `found` is the most probable architecture within the target for PARSEC, and the best seen for the others; of noisy
    look-ups Thompson sampling finds the arg-max of its posterior mean. What PARSEC looked up may be above the target.
    """

    history: tuple[Evaluation, ...]
    found: dict[str, Value]


@dataclass(frozen=True, eq=False)
class Lookups:
    """What a search sees of a table: accuracies as they are, or as a supernet's validation batches would give them.

    With `noise` above 0 each look-up has noise of that standard deviation, and `batch` look-ups in a row share an
    offset of deviation `OFFSET`. All in 0..1.
    """

    candidates: TableCandidates
    seed: int
    noise: float = 0.0
    batch: int = 1

    def evaluation(self, number: int, decisions: Decisions) -> Evaluation:
        """Look-up `number` of the search."""
        row = self.candidates.table.row(decisions)
        accuracy = row.accuracy
        if self.noise:
            shared = np.random.default_rng(derive_seed(self.seed, "offset", number // self.batch))
            own = np.random.default_rng(derive_seed(self.seed, "noise", number))
            accuracy += OFFSET * shared.normal() + self.noise * own.normal()
        return Evaluation(decisions, accuracy, row.macs)


def search_table(
    candidates: TableCandidates, settings: SearchSettings, noise: float = 0.0, batch: int = 1
) -> TabularSearch:
    """Search a table with `settings.method` and `settings.evaluations` look-ups; see `Lookups` for noise.

    Raises:
        UsageError: the method learns weights, or there are too few samples; or the table lacks a sample.
    """
    lookups = Lookups(candidates, settings.seed, noise, batch)
    if settings.method == "parsec":
        return _parsec(lookups, settings)
    if settings.method == "single_path":
        raise UsageError(
            "method = single_path: trains shared weights, and a table has none",
            help="search the table with evolution, which is what single_path ends with",
        )
    thompson = Thompson(candidates, settings.seed, batch if noise else 1) if settings.method == "thompson" else None
    strategy = thompson or strategy_of(settings, candidates)
    history: list[Evaluation] = []
    while len(history) < settings.evaluations:
        history.append(lookups.evaluation(len(history), strategy.propose(history)))
    found = dict(best_seen(history).decisions) if thompson is None else thompson.found(history)
    return TabularSearch(tuple(history), found)


def _parsec(lookups: Lookups, settings: SearchSettings) -> TabularSearch:
    candidates = lookups.candidates
    distribution = Distribution.uniform(candidates.variables)
    within = Within(candidates, distribution) if settings.budget == "condition" else None
    adam = alpha_optimiser(distribution, settings.alpha_lr, settings.alpha_momentum)
    history: list[Evaluation] = []
    while True:
        wanted = adaptive_samples(distribution.entropy()) if settings.samples == "adaptive" else settings.samples
        require_samples(wanted)
        if len(history) + wanted > settings.evaluations:
            break
        random = derive_generator(settings.seed, "table", len(history))
        samples = distribution.sample(wanted, random) if within is None else within.sample(wanted, random)
        looked_up = [lookups.evaluation(len(history) + number, s) for number, s in enumerate(samples)]
        history.extend(looked_up)
        accuracy_K = torch.tensor([evaluation.accuracy for evaluation in looked_up], dtype=torch.float64)
        m_K = accuracy_weights(accuracy_K, settings.accuracy_weights, settings.accuracy_temperature)
        weights_K = alpha_weights(m_K, settings.centred)
        excess_K = torch.tensor([excess(e.macs or 0, candidates.target_macs) for e in looked_up], dtype=torch.float64)
        distribution.logits.grad = (
            alpha_gradient(
                distribution,
                samples,
                weights_K,
                hinge_coefficients(excess_K, settings.hinge_form, settings.centred),
                settings.hinge,
            )
            if within is None
            else within.score_gradient(samples, -weights_K)
        )
        adam.step()
    return TabularSearch(tuple(history), _most_probable(candidates, distribution))


class Within:
    """P(A|alpha) given that A is a row within the target, by enumerating those rows; see `conditioned.py`."""

    def __init__(self, candidates: TableCandidates, distribution: Distribution) -> None:
        self._rows, self._distribution = candidates.rows, distribution
        variables = distribution.variables
        # One row for each architecture: ones at its values (R rows, L logits).
        self._picked_RL = torch.zeros(len(self._rows), variables.num_logits, dtype=torch.float64)
        for number, row in enumerate(self._rows):
            for decision in variables.decisions:
                if decision.path in row.decisions:
                    begin = variables.slices[decision.path].start
                    self._picked_RL[number, begin + decision.values.index(row.decisions[decision.path])] = 1.0

    def sample(self, count: int, random: torch.Generator) -> list[dict[str, Value]]:
        """`count` rows, independent."""
        drawn = torch.multinomial(self._probabilities_R(), count, replacement=True, generator=random)
        return [dict(self._rows[index].decisions) for index in drawn.tolist()]

    def score_gradient(self, samples: list[dict[str, Value]], coefficients_K: Tensor) -> Tensor:
        """sum_k c_k grad_alpha log P(A_k|alpha, within)."""
        gradient = self._distribution.score_gradient(samples, coefficients_K)
        marginals_L = self._probabilities_R() @ self._picked_RL
        total = float(coefficients_K.sum())
        for path, logs in self._distribution.log_probabilities().items():
            part = self._distribution.variables.slices[path]
            share = marginals_L[part]
            gradient[part] -= total * (share - share.sum() * torch.exp(logs))
        return gradient

    def _probabilities_R(self) -> Tensor:
        logs_L = torch.cat(list(self._distribution.log_probabilities().values()))
        return torch.softmax(self._picked_RL @ logs_L, 0)


def _most_probable(candidates: TableCandidates, distribution: Distribution) -> dict[str, Value]:
    """The most probable architecture that the table has within the target."""
    best = distribution.most_probable()
    if candidates.is_within(best):
        return best
    return dict(max(candidates.rows, key=lambda row: distribution.log_probability(row.decisions)).decisions)
