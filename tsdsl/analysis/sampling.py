"""Uniform random architectures of a space, or of those within a window of cost."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tsdsl.analysis.network import Blueprint
from tsdsl.analysis.terms import CostTable
from tsdsl.errors import RunError, UsageError
from tsdsl.space.architecture import Architecture, canonical
from tsdsl.space.model import Decision, Space, Value

TRIES_PER_SAMPLE = 20_000


def sample_architectures(
    space: Space,
    count: int,
    *,
    seed: int = 0,
    least_macs: int | None = None,
    most_macs: int | None = None,
    step: int | None = None,
) -> Iterator[Architecture]:
    """`count` architectures, uniform over those with least_macs <= multiply-adds <= most_macs.

    Draws are uniform over the space, nested decisions weighted by the architectures below them, and those
    outside the window are rejected on their exact cost.

    Raises:
        UsageError: no architecture is in the window; the message has the true minimum and maximum.
        RunError: the window is so rare that TRIES_PER_SAMPLE draws in a row missed it.
    """
    table = CostTable(Blueprint(space), step)
    low, high = table.bound("macs", "min").value, table.bound("macs", "max").value
    least, most = least_macs or 0, high if most_macs is None else most_macs
    if least > most or least > high or most < low:
        raise UsageError(
            f"no architecture of {space.name} has between {least:,} and {most:,} multiply-adds",
            help=f"they have from {low:,} to {high:,}",
        )
    generator = random.Random(seed)
    draw = _Drawer(space, step, generator)
    for index in range(count):
        for _ in range(TRIES_PER_SAMPLE):
            decisions = draw()
            macs = table.macs(decisions)
            if least <= macs <= most:
                break
        else:
            raise RunError(
                f"{TRIES_PER_SAMPLE:,} uniform architectures in a row were outside the window after {index} samples",
                help=f"widen the window; architectures have from {low:,} to {high:,} multiply-adds",
            )
        yield Architecture(
            space=space.name,
            fingerprint=space.fingerprint,
            decisions=canonical(space, decisions, step),
            flops=macs,
            params=table.params(decisions),
            step=step,
            seed=seed,
        )


class _Drawer:
    """Draws the decisions that exist, each architecture with the same probability."""

    def __init__(self, space: Space, step: int | None, generator: random.Random) -> None:
        present = space.present_after(step)
        self.decisions = [d for d in space.decisions if space.part_of(d.path) in present]
        self.generator = generator
        nested = {d.parent.path for d in self.decisions if d.parent is not None}
        self.weights = {
            d.path: [self._below(space, d, value) for value in d.values] for d in self.decisions if d.path in nested
        }

    def _below(self, space: Space, decision: Decision, value: Value) -> int:
        """The number of ways to decide what exists under one value of a decision."""
        children = [
            d.path
            for d in self.decisions
            if d.parent is not None and d.parent.path == decision.path and d.parent.value == value
        ]
        below = set(children)
        for d in self.decisions:
            if d.parent is not None and d.parent.path in below:
                below.add(d.path)
        return space.count_architectures(tuple(below))

    def __call__(self) -> dict[str, Value]:
        chosen: dict[str, Value] = {}
        for decision in self.decisions:
            parent = decision.parent
            if parent is not None and chosen.get(parent.path) != parent.value:
                continue
            weights = self.weights.get(decision.path)
            if weights is None:
                chosen[decision.path] = self.generator.choice(decision.values)
            else:
                pick = self.generator.randrange(sum(weights))
                for value, weight in zip(decision.values, weights, strict=True):
                    if pick < weight:
                        chosen[decision.path] = value
                        break
                    pick -= weight
        return chosen
