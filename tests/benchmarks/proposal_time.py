"""The seconds of one proposal of Thompson sampling on `std:auto_tsnet`: step 1 and the joint search.

`python tests/benchmarks/proposal_time.py [--write]`
"""

from __future__ import annotations

import argparse
import time
from itertools import islice

import numpy as np
import torch
from recording import recorded

import tsdsl
from tsdsl.network.layout import Blueprint
from tsdsl.searching.budget.candidates import WithinTarget
from tsdsl.searching.budget.flops import step_flops
from tsdsl.searching.distribution.factorised import step_variables
from tsdsl.searching.learning.posterior import StepPosterior

BATCHES, SAMPLES, DRAWS = 20, 8, 16


def measure(step: int | None) -> None:
    space = tsdsl.load("std:auto_tsnet")
    flops = step_flops(Blueprint(space), step, step_variables(space, step, {}))
    target = space.step(step or max(s.index for s in space.steps)).target_macs
    candidates = WithinTarget(flops, target)
    posterior, random, draws = StepPosterior(candidates), np.random.default_rng(0), candidates.draws(0)
    for _ in range(BATCHES):
        samples = list(islice(draws, SAMPLES))
        posterior.observe(samples, [candidates.macs(s) / 1e9 + random.normal() for s in samples])
    posterior.draws(1, torch.Generator().manual_seed(0))
    begin = time.process_time()
    drawn = posterior.draws(DRAWS, torch.Generator().manual_seed(1))
    seconds = (time.process_time() - begin) / DRAWS
    begin = time.process_time()
    posterior.observe(samples, [0.0, *[1.0] * (SAMPLES - 1)])
    posterior.draws(1, torch.Generator().manual_seed(2))
    update = time.process_time() - begin - seconds
    assert all(candidates.is_within(architecture) for architecture in drawn)
    name = "the joint search" if step is None else f"step {step}"
    print(
        f"{name}: {candidates.terms.num_weights:,} weights, {seconds:.3f} s a proposal, {update:.3f} s a batch besides"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="also write it to results/proposal_time.txt")
    torch.set_num_threads(1)
    with recorded("proposal_time", parser.parse_args().write):
        for step in (1, None):
            measure(step)


if __name__ == "__main__":
    main()
