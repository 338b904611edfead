"""Random search and regularised evolution: which architecture to measure next, given those measured so far.

What a strategy proposes follows from the seed and the history alone, so a search that was interrupted goes on
from the record of its evaluations and ends as if it had not been.

Sources: random search as in Li and Talwalkar (2019); regularised evolution of Real et al. (AAAI 2019): the best
of a random tournament among the newest `population` is mutated, and the oldest leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from tsdsl.data.randomness import derive_seed
from tsdsl.searching.budget.candidates import Candidates, mutated
from tsdsl.searching.distribution.factorised import Decisions
from tsdsl.searching.settings import SearchSettings
from tsdsl.space.parts import Value


@dataclass(frozen=True)
class Evaluation:
    """One measured architecture; `accuracy` is in 0..1, `macs` None where they are not known."""

    decisions: Decisions
    accuracy: float
    macs: float | None = None


class Strategy(Protocol):
    """A rule for what to measure next."""

    def propose(self, history: Sequence[Evaluation]) -> dict[str, Value]:
        """The architecture to measure after `history`."""


@dataclass(eq=False)
class RandomSearch:
    """Uniform candidates, independent of what was measured."""

    candidates: Candidates
    seed: int
    _drawn: list[dict[str, Value]] = field(default_factory=list, init=False)
    _stream: Iterator[dict[str, Value]] | None = field(default=None, init=False)

    def propose(self, history: Sequence[Evaluation]) -> dict[str, Value]:
        """Draw number `len(history)` of the seed's."""
        if self._stream is None:
            self._stream = self.candidates.draws(derive_seed(self.seed, "random search"))
        while len(self._drawn) <= len(history):
            self._drawn.append(next(self._stream))
        return self._drawn[len(history)]


@dataclass(eq=False)
class Evolution:
    """Regularised evolution; the first `population` are those of random search with the same seed."""

    candidates: Candidates
    seed: int
    population: int
    tournament: int

    def __post_init__(self) -> None:
        self._first = RandomSearch(self.candidates, self.seed)

    def propose(self, history: Sequence[Evaluation]) -> dict[str, Value]:
        """A mutation of the best of `tournament` random ones among the newest `population`."""
        number = len(history)
        if number < self.population:
            return self._first.propose(history)
        generator = np.random.default_rng(derive_seed(self.seed, "tournament", number))
        alive = history[-self.population :]
        picked = generator.choice(len(alive), size=min(self.tournament, len(alive)), replace=False)
        parent = max((alive[index] for index in picked.tolist()), key=lambda evaluation: evaluation.accuracy)
        return mutated(self.candidates, parent.decisions, derive_seed(self.seed, "mutation", number))


def explore(
    strategy: Strategy,
    candidates: Candidates,
    measure: Callable[[Decisions], float],
    count: int,
    history: Sequence[Evaluation] = (),
) -> Iterator[Evaluation]:
    """The evaluations after `history`, up to `count` in all, each given as soon as it is made.

    An architecture met again is not measured again; it counts all the same.
    """
    known = {_key(evaluation.decisions): evaluation.accuracy for evaluation in history}
    done = list(history)
    while len(done) < count:
        proposed = strategy.propose(done)
        key = _key(proposed)
        if key not in known:
            known[key] = measure(proposed)
        done.append(Evaluation(proposed, known[key], candidates.macs(proposed)))
        yield done[-1]


def strategy_of(settings: SearchSettings, candidates: Candidates) -> Strategy:
    """The rule by which the settings' method, one of the baselines, proposes."""
    if settings.method == "random":
        return RandomSearch(candidates, settings.seed)
    return Evolution(candidates, settings.seed, settings.population, settings.tournament)


def best_seen(history: Sequence[Evaluation]) -> Evaluation:
    """The most accurate evaluation; among equals the first."""
    return max(history, key=lambda evaluation: evaluation.accuracy)


def _key(decisions: Decisions) -> frozenset[tuple[str, Value]]:
    return frozenset(decisions.items())
