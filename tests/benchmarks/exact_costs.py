"""Closed-form costs against torch's own counter, and supernet against extracted model, on random architectures.

    python tests/benchmarks/exact_costs.py [NUMBER]

For each of NUMBER (default 200) uniform architectures of `auto_tsnet` and of `tiny`: multiply-adds equal half of
what FlopCounterMode counts and parameters equal numel, on the meta device, exactly. For the first ten of `tiny`,
and two of `auto_tsnet` at a small size, the supernet's scores equal those of the extracted model.
"""

from __future__ import annotations

import sys

import torch
from torch.utils.flop_counter import FlopCounterMode

import tsdsl
from tsdsl.analysis.network import Blueprint
from tsdsl.lowering import Model, Supernet, extract
from tsdsl.space.model import Scale


def count(space: tsdsl.Space, architecture: tsdsl.Architecture) -> tuple[int, int]:
    """(multiply-adds, parameters) as torch counts them on the lowered model."""
    network = Blueprint(space).network(architecture.decisions)
    with torch.device("meta"):
        model = Model(network).eval()
        clip_BCTHW = torch.empty(1, 3, network.frames, network.size, network.size)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(clip_BCTHW)
    return counter.get_total_flops() // 2, sum(parameter.numel() for parameter in model.parameters())


def largest_difference(space: tsdsl.Space, number: int, size: int) -> float:
    """Between supernet and extracted model, in training mode, over random architectures."""
    blueprint = Blueprint(space, scale=Scale(name="small", size=size))
    supernet = Supernet(blueprint, seed=0)
    frames = max(stream.frames for stream in space.streams)
    clip_BCTHW = torch.randn(2, 3, frames, size, size, generator=torch.Generator().manual_seed(0))
    worst = 0.0
    for architecture in space.sample(number, seed=1):
        model = extract(supernet, architecture).train()
        state = torch.get_rng_state()
        ours = supernet(clip_BCTHW, architecture)
        torch.set_rng_state(state)
        worst = max(worst, (ours - model(clip_BCTHW)).detach().abs().max().item())
    return worst


def main() -> None:
    """Run both comparisons and print what was found."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    for name, few, size in (("tiny", 10, 48), ("auto_tsnet", 2, 64)):
        space = tsdsl.load(f"std:{name}")
        equal = sum(count(space, one) == (one.flops, one.params) for one in space.sample(number, seed=0))
        print(f"{name}: {equal} of {number} architectures have exactly torch's multiply-adds and parameters")
        print(f"{name}: supernet and extracted model differ by at most {largest_difference(space, few, size):.3g}")


if __name__ == "__main__":
    main()
