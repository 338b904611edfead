"""What PyGlove and NNI take for the decisions that `exact_facts.py` gives as JSON on the standard input.

Needs neither tsdsl nor torch, so that it runs in an environment of the peers' own. PyGlove counts and draws but knows
no costs. NNI evaluates a cost as an expression over its choices, and draws within a budget by drawing until one is.
The cost given to NNI is that of each block's three convolutions, without rounding.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from typing import Any

ATTEMPTS_SECONDS = 10.0


def rate(name: str, seconds: float, times: int) -> None:
    print(f"  {name:<58}{seconds:9.3f} s  {times / seconds:12,.1f} a second")


def pyglove(groups: list[dict[str, Any]]) -> None:
    glove: Any = importlib.import_module("pyglove")
    values = [list(group[name]) for group in groups for name in ("t", "k", "expansion", "channels")]
    print(f"PyGlove {version('pyglove')}, {len(values)} decisions")
    begin = time.perf_counter()
    spec = glove.dna_spec(glove.List([glove.oneof(choices) for choices in values]))
    rate("build", time.perf_counter() - begin, 1)
    begin = time.perf_counter()
    size = spec.space_size
    rate(f"count of all: {size:,}", time.perf_counter() - begin, 1)
    begin = time.perf_counter()
    for _ in range(20):
        glove.random_dna(spec)
    rate("uniform draws", time.perf_counter() - begin, 20)


def nni(groups: list[dict[str, Any]], width: int, budget: float) -> None:
    mutable: Any = importlib.import_module("nni.mutable")
    choices: list[Any] = []
    cost: Any = 0
    before: Any = width
    for number, group in enumerate(groups):
        t, k, expansion, channels = (
            mutable.Categorical(list(group[name]), label=f"{number}.{name}")
            for name in ("t", "k", "expansion", "channels")
        )
        choices += [t, k, expansion, channels]
        first = expansion * before * (before * group["positions_in"] + (t * k * k + channels) * group["positions"])
        rest = expansion * channels * (channels * 2 + t * k * k) * (group["positions"] * (group["repeat"] - 1))
        cost = first + rest + cost
        before = channels
    print(f"NNI {version('nni')}, {len(choices)} decisions")
    everything = mutable.MutableList(choices)
    samples: list[dict[str, Any]] = []
    begin = time.perf_counter()
    for _ in range(20):
        samples.append({})
        everything.random(samples[-1])
    rate("uniform draws", time.perf_counter() - begin, 20)
    begin = time.perf_counter()
    for sample in samples:
        cost.freeze(sample)
    rate("cost of an architecture", time.perf_counter() - begin, len(samples))
    limited = mutable.MutableList([*choices, mutable.ExpressionConstraint(cost <= budget, label="budget")])
    found = attempts = 0
    begin = time.perf_counter()
    while time.perf_counter() - begin < ATTEMPTS_SECONDS:
        attempts += 1
        try:
            limited.random({})
            found += 1
        except mutable.ConstraintViolation:
            pass
    print(f"  draws within {budget / 1e9} G: {found} of {attempts} attempts in {ATTEMPTS_SECONDS:.0f} s")


def main() -> None:
    given = json.load(sys.stdin)
    for name, run in (
        ("pyglove", lambda: pyglove(given["groups"])),
        ("nni", lambda: nni(given["groups"], given["width"], given["budget"])),
    ):
        try:
            version(name)
        except PackageNotFoundError:
            print(f"{name} is not installed: not compared with")
            continue
        run()


if __name__ == "__main__":
    main()
