"""Searches of a table of accuracies: PARSEC's alpha, random search and evolution, on the same number of look-ups.

A look-up stands for the scoring of one architecture. PARSEC's estimator is the one that searches with shared
weights use, with the exact accuracy of the table in place of one batch's.

Shapes: K samples, R rows of the table, L logits of alpha.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tsdsl.engine.randomness import generator
from tsdsl.errors import UsageError
from tsdsl.search.distribution.factorised import Distribution
from tsdsl.search.distribution.importance import (
    accuracy_weights,
    adaptive_samples,
    alpha_gradient,
    alpha_optimiser,
    alpha_weights,
    excess,
    hinge_coefficients,
    require_samples,
)
from tsdsl.search.methods.accuracy_table import TableCandidates
from tsdsl.search.methods.baselines import Evaluation, best_seen, explore, strategy_of
from tsdsl.search.settings import SearchSettings
from tsdsl.space.parts import Value


@dataclass(frozen=True, eq=False)
class TabularSearch:
    """Everything that was looked up, in order, and what the search ends with.

    `found` is the most probable architecture within the target for PARSEC, and the best seen for the others, whose
    distribution stays uniform. What PARSEC looked up may be above the target.
    """

    history: tuple[Evaluation, ...]
    found: dict[str, Value]
    distribution: Distribution


def search_table(candidates: TableCandidates, settings: SearchSettings) -> TabularSearch:
    """Search a table with `settings.method` and `settings.evaluations` look-ups.

    Raises:
        UsageError: the method learns weights, or there are too few samples; or the table lacks a sample.
    """
    distribution = Distribution.uniform(candidates.variables)
    if settings.method == "parsec":
        return _parsec(candidates, settings, distribution)
    if settings.method == "single_path":
        raise UsageError(
            "method = single_path: trains shared weights, and a table has none",
            help="search the table with evolution, which is what single_path ends with",
        )
    strategy = strategy_of(settings, candidates)
    history = tuple(explore(strategy, candidates, candidates.table.accuracy, settings.evaluations))
    return TabularSearch(history, dict(best_seen(history).decisions), distribution)


def _parsec(candidates: TableCandidates, settings: SearchSettings, distribution: Distribution) -> TabularSearch:
    table = candidates.table
    within = Within(candidates, distribution) if settings.budget == "condition" else None
    adam = alpha_optimiser(distribution, settings.alpha_lr, settings.alpha_momentum)
    history: list[Evaluation] = []
    while True:
        wanted = adaptive_samples(distribution.entropy()) if settings.samples == "adaptive" else settings.samples
        require_samples(wanted)
        if len(history) + wanted > settings.evaluations:
            break
        random = generator(settings.seed, "table", len(history))
        samples = distribution.sample(wanted, random) if within is None else within.sample(wanted, random)
        looked_up = [Evaluation(s, table.accuracy(s), candidates.macs(s)) for s in samples]
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
    return TabularSearch(tuple(history), _most_probable(candidates, distribution), distribution)


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
