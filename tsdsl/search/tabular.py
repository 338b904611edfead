"""Searches of a table of accuracies: PARSEC's alpha, random search and evolution, on the same number of look-ups.

A look-up stands for the scoring of one architecture. PARSEC's estimator is the one that searches with shared
weights use, with the exact accuracy of the table in place of one batch's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from tsdsl.engine.randomness import generator
from tsdsl.errors import UsageError
from tsdsl.search.accuracy_table import TableCandidates
from tsdsl.search.baselines import Evaluation, best_seen, explore, strategy_of
from tsdsl.search.distribution import Distribution
from tsdsl.search.importance import accuracy_weights, adaptive_samples, alpha_gradient, excess, require_samples
from tsdsl.search.settings import SearchSettings
from tsdsl.space.model import Value


@dataclass(frozen=True, eq=False)
class TabularSearch:
    """Everything that was looked up, in order, and what the search ends with.

    `found` is the most probable architecture of `distribution` for PARSEC, and the best seen within the target
    for the others, whose distribution stays uniform.
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
    table, target = candidates.table, candidates.target_macs
    adam = torch.optim.Adam([distribution.logits], lr=settings.alpha_lr, weight_decay=0.0)
    history: list[Evaluation] = []
    while True:
        wanted = adaptive_samples(distribution.entropy()) if settings.samples == "adaptive" else settings.samples
        require_samples(wanted)
        if len(history) + wanted > settings.evaluations:
            break
        samples = distribution.sample(wanted, generator(settings.seed, "table", len(history)))
        looked_up = [Evaluation(s, table.accuracy(s), candidates.macs(s)) for s in samples]
        history.extend(looked_up)
        weights_K = accuracy_weights(
            torch.tensor([evaluation.accuracy for evaluation in looked_up], dtype=torch.float64),
            settings.accuracy_weights,
            settings.accuracy_temperature,
        )
        excess_K = torch.tensor([excess(e.macs or 0, target) for e in looked_up], dtype=torch.float64)
        distribution.logits.grad = alpha_gradient(distribution, samples, weights_K, excess_K, settings.hinge)
        adam.step()
    return TabularSearch(tuple(history), distribution.most_probable(), distribution)
