"""Random search and evolution: what they draw, what they change, and that a history leads on the same way."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest

from support.enumeration import every_architecture
from tsdsl.errors import UsageError
from tsdsl.network.layout import Blueprint
from tsdsl.searching.budget.candidates import WithinTarget, drawn, mutated
from tsdsl.searching.budget.flops import step_flops
from tsdsl.searching.distribution.factorised import Decisions, step_variables
from tsdsl.searching.methods.baselines import Evaluation, Evolution, RandomSearch, best_seen, explore
from tsdsl.space.model import Space


def candidates_of(space: Space, step: int | None, target: int | None) -> WithinTarget:
    found: Decisions = {}
    if step is not None and step > 1:
        found = {path: space.decision_by_path[path].values[0] for path in space.step(1).decisions}
    variables = step_variables(space, step, found)
    return WithinTarget(step_flops(Blueprint(space), step, variables), target)


def key(decisions: Decisions) -> frozenset[tuple[str, object]]:
    return frozenset(decisions.items())


@pytest.fixture(scope="module")
def candidates(tiny: Space) -> WithinTarget:
    """The joint search of the tiny space, within its last target: nested decisions and a budget that binds."""
    return candidates_of(tiny, None, 60_000)


def within(candidates: WithinTarget) -> list[Decisions]:
    return [a for a in every_architecture(candidates.variables) if candidates.is_within(a)]


def test_draws_are_uniform_over_all_that_is_within_the_target(candidates: WithinTarget) -> None:
    allowed = {key(a) for a in within(candidates)}
    everything = len(every_architecture(candidates.variables))
    assert 10 < len(allowed) < everything
    count = 100 * len(allowed)
    seen = Counter(key(a) for a in drawn(candidates, count, seed=3))
    assert set(seen) == allowed
    # Chi-squared over n - 1 degrees of freedom has mean n - 1 and deviation sqrt(2 (n - 1)).
    chi = sum((number - 100) ** 2 / 100 for number in seen.values())
    degrees = len(allowed) - 1
    assert abs(chi - degrees) < 5 * (2 * degrees) ** 0.5


def test_without_a_target_every_architecture_is_drawn_alike(tiny: Space) -> None:
    candidates = candidates_of(tiny, 3, None)
    seen = Counter(key(a) for a in drawn(candidates, 900, seed=0))
    # Three architectures: none, glore with 2 nodes, glore with 4. One softmax a decision would give 1/2, 1/4, 1/4.
    assert len(seen) == 3
    assert all(abs(number - 300) < 75 for number in seen.values())


def test_a_mutation_changes_one_decision_and_what_is_nested_under_it(candidates: WithinTarget) -> None:
    allowed = {key(a) for a in within(candidates)}
    parents = drawn(candidates, 40, seed=1)
    nested = {d.path: d.parent.path for d in candidates.variables.decisions if d.parent is not None}
    assert nested
    for parent in parents:
        for seed in range(10):
            child = mutated(candidates, parent, seed)
            assert key(child) in allowed
            changed = {p for p in {*parent, *child} if parent.get(p) != child.get(p)}
            roots = {path for path in changed if nested.get(path) not in changed}
            assert len(roots) == 1


def test_mutations_reach_every_neighbour_within_the_target(candidates: WithinTarget) -> None:
    parent = drawn(candidates, 1, seed=5)[0]
    reached = {key(mutated(candidates, parent, seed)) for seed in range(600)}

    def is_neighbour(other: Decisions) -> bool:
        changed = {p for p in {*parent, *other} if parent.get(p) != other.get(p)}
        above = {d.path: d.parent.path for d in candidates.variables.decisions if d.parent is not None}
        return len([path for path in changed if above.get(path) not in changed]) == 1

    assert reached == {key(a) for a in within(candidates) if is_neighbour(a)}


def test_a_parent_without_neighbours_is_followed_by_a_new_draw(tiny: Space) -> None:
    everything = candidates_of(tiny, None, None)
    least = min(map(everything.macs, every_architecture(everything.variables)))
    candidates = WithinTarget(everything.flops, least)
    only = drawn(candidates, 1, seed=0)[0]
    child = mutated(candidates, only, 0)
    assert candidates.macs(child) == least


def test_a_target_below_every_architecture_is_refused(tiny: Space) -> None:
    with pytest.raises(UsageError, match="no architecture"):
        drawn(candidates_of(tiny, None, 10), 1, seed=0)


def score(decisions: Decisions) -> float:
    """A made-up accuracy in which some decisions matter more than others."""
    numbers = [v for v in decisions.values() if isinstance(v, int | float)]
    return sum(numbers) / (1 + sum(numbers))


@pytest.mark.parametrize("kind", ["random", "evolution"])
def test_a_search_goes_on_from_its_history_as_if_never_interrupted(candidates: WithinTarget, kind: str) -> None:
    def strategy() -> RandomSearch | Evolution:
        return RandomSearch(candidates, 7) if kind == "random" else Evolution(candidates, 7, 5, 2)

    whole = list(explore(strategy(), candidates, score, 30))
    for cut in (0, 1, 4, 5, 17):
        rest = list(explore(strategy(), candidates, score, 30, whole[:cut]))
        assert whole[:cut] + rest == whole


def test_an_architecture_met_again_is_counted_and_not_measured_again(tiny: Space) -> None:
    candidates = candidates_of(tiny, 3, None)
    measured: list[Decisions] = []

    def measure(decisions: Decisions) -> float:
        measured.append(decisions)
        return 0.5

    history = list(explore(RandomSearch(candidates, 0), candidates, measure, 20))
    assert len(history) == 20
    assert len(measured) == len({key(a) for a in measured}) == 3


def test_evolution_keeps_only_the_newest_alive(candidates: WithinTarget) -> None:
    champion = drawn(candidates, 1, seed=2)[0]
    others = [a for a in drawn(candidates, 40, seed=9) if key(a) != key(champion)][:6]
    strategy = Evolution(candidates, 0, population=3, tournament=3)
    # The champion is the best of all, and too old to be a parent.
    history = [Evaluation(champion, 0.9), *(Evaluation(a, 0.1 + n / 100) for n, a in enumerate(others))]
    child = strategy.propose(history)
    parent = others[-1]
    changed = {p for p in {*parent, *child} if parent.get(p) != child.get(p)}
    assert 1 <= len(changed) <= 2


def test_evolution_climbs_further_than_random_search_on_average(candidates: WithinTarget) -> None:
    def reached(strategy: RandomSearch | Evolution) -> float:
        return best_seen(list(explore(strategy, candidates, score, 25))).accuracy

    random = sum(reached(RandomSearch(candidates, seed)) for seed in range(20))
    evolved = sum(reached(Evolution(candidates, seed, 6, 3)) for seed in range(20))
    assert evolved > random


def test_the_first_draws_of_a_seed_do_not_depend_on_how_many_are_taken(candidates: WithinTarget) -> None:
    assert list(islice(candidates.draws(4), 3)) == list(islice(candidates.draws(4), 9))[:3]
