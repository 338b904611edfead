"""Closed-form costs against torch's own counters on random architectures and on the witnesses of all bounds.

    python tests/benchmarks/exact_costs.py [NUMBER] [--write]

For NUMBER (default 1,000) uniform architectures of `auto_tsnet` and of `tiny`, and for the architecture that reaches
each bound of each step and of the whole: multiply-adds equal half of what FlopCounterMode counts, parameters equal
numel, and the bytes of activations (of every tenth, and of the witnesses) equal what torch allocates, on the meta
device, exactly. For the first ten of `tiny`, and two of `auto_tsnet` at a small size, the supernet's scores equal
those of the extracted model.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping

import torch
from recording import recorded
from torch.utils.flop_counter import FlopCounterMode

import tsdsl
from support.live_tensors import measured_peak_bytes
from tsdsl.analysis.questions.peaks import SENSES, peak_extreme
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.lowering import Model, Supernet, extract
from tsdsl.network.activations import peak_activation_bytes
from tsdsl.network.layout import Blueprint, Network
from tsdsl.space.parts import Scale, Value

PEAKS_EVERY = 10


def counted(network: Network) -> tuple[int, int]:
    """(multiply-adds, parameters) as torch counts them on the lowered model."""
    with torch.device("meta"):
        model = Model(network).eval()
        clip_BCTHW = torch.empty(1, 3, network.frames, network.size, network.size)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(clip_BCTHW)
    return counter.get_total_flops() // 2, sum(parameter.numel() for parameter in model.parameters())


def compare_samples(space: tsdsl.Space, number: int) -> bool:
    """Print how many random architectures cost what torch counts; whether all do."""
    blueprint = Blueprint(space)
    equal = peaks = equal_peaks = 0
    for position, one in enumerate(space.sample(number, seed=0)):
        network = blueprint.network(one.decisions)
        equal += counted(network) == (one.flops, one.params)
        if position % PEAKS_EVERY == 0:
            peaks += 1
            equal_peaks += peak_activation_bytes(network) == measured_peak_bytes(network)
    print(f"{space.name}: {equal} of {number} architectures have exactly torch's multiply-adds and parameters")
    print(f"{space.name}: {equal_peaks} of {peaks} architectures allocate exactly the bytes of activations told")
    return equal == number and equal_peaks == peaks


def compare_witnesses(space: tsdsl.Space) -> bool:
    """Print every bound beside what torch counts on its witness; whether all are equal."""
    blueprint = Blueprint(space)
    is_right = True
    for step in (*(step.index for step in space.steps), None):
        table = CostTable(blueprint, step)
        where = f"step {step}" if step else "the whole"

        def measured(witness: Mapping[str, Value], step: int | None = step) -> tuple[int, int, int]:
            network = blueprint.network(witness, step)
            return *counted(network), measured_peak_bytes(network)

        for position, name in enumerate(("multiply-adds", "parameters", "bytes of activations")):
            ends = []
            for sense in SENSES:
                if name == "bytes of activations":
                    bound = peak_extreme(FreeSpace(table), sense)
                else:
                    bound = bound(table, "macs" if name == "multiply-adds" else "params", sense)
                is_reached = measured(bound.witness)[position] == bound.value
                is_right &= is_reached
                ends.append(f"{bound.value:,}" if is_reached else f"{bound.value:,} (torch: another)")
            print(f"{space.name}, {where}: {' .. '.join(ends)} {name}, as torch counts on both witnesses")
    return is_right


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


def main() -> int:
    """Run all comparisons and print what was found; 1 where something differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("number", nargs="?", type=int, default=1000)
    parser.add_argument("--write", action="store_true", help="keep what is printed in results/")
    arguments = parser.parse_args()
    is_right = True
    with recorded("exact_costs", arguments.write):
        for name, few, size in (("tiny", 10, 48), ("auto_tsnet", 2, 64)):
            space = tsdsl.load(f"std:{name}")
            is_right &= compare_samples(space, arguments.number)
            is_right &= compare_witnesses(space)
            print(f"{name}: supernet and extracted model differ by at most {largest_difference(space, few, size):.3g}")
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
