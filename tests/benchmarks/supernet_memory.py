"""Memory and time of a supernet step over its static twin, in a space and in one with far larger widths.

Run by hand: `python tests/benchmarks/supernet_memory.py [--device cuda] [--size 96] [--batch 2]`.
The step is one forward and backward of the same sampled architecture, and for a supernet the
accumulation into the shared gradients. Steps are interleaved, medians printed. On CUDA memory is the peak
allocated in the step beyond what was there before; on the CPU it is counted: the tensors saved for the
backward pass, weights included. The shared weights and their gradients lie outside, as an optimiser's do.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

import tsdsl
from tsdsl.lowering import Supernet, extract
from tsdsl.network.layout import Blueprint
from tsdsl.space.decided import canonical
from tsdsl.space.model import Space
from tsdsl.space.parts import Scale, Value

SPACE = Path(__file__).parents[2] / "spaces" / "auto_tsnet.tsspace"
MIB = 2**20
Step = Callable[[Tensor], None]


def widened(space: Space, factor: int) -> Space:
    """The space with widths up to `factor` times the largest among the choices."""
    decisions = tuple(
        replace(decision, values=(*decision.values, int(max(decision.values)) * factor))
        if decision.path.endswith(".channels")
        else decision
        for decision in space.decisions
    )
    return replace(space, decisions=decisions)


def steps(supernet: Supernet, decisions: dict[str, Value]) -> dict[str, Step]:
    """One training step of each kind, on the same weights."""
    model = extract(supernet, decisions)

    def static(clip_BCTHW: Tensor) -> None:
        model(clip_BCTHW).square().sum().backward()
        model.zero_grad(set_to_none=True)

    def leaves(clip_BCTHW: Tensor) -> None:
        sampled = supernet.leaves(decisions)
        supernet.run(clip_BCTHW, sampled).square().sum().backward()
        supernet.accumulate(sampled)

    def autograd(clip_BCTHW: Tensor) -> None:
        supernet(clip_BCTHW, decisions).square().sum().backward()

    return {"static twin": static, "compact leaves": leaves, "autograd slices": autograd}


def saved_bytes(step: Step, clip_BCTHW: Tensor, shared: frozenset[int]) -> int:
    """Bytes that a step keeps for its backward pass, each storage once; of a shared weight only the part."""
    sizes: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = tensor.nbytes if storage.data_ptr() in shared else storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        step(clip_BCTHW)
    return sum(sizes.values())


def peak_bytes(step: Step, clip_BCTHW: Tensor, supernet: Supernet) -> int:
    """Bytes that a step allocates at its peak on CUDA; saved bytes elsewhere."""
    if clip_BCTHW.device.type != "cuda":
        shared = frozenset(p.untyped_storage().data_ptr() for p in supernet.parameters())
        return saved_bytes(step, clip_BCTHW, shared)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    step(clip_BCTHW)
    return torch.cuda.max_memory_allocated() - before


def seconds(step: Step, clip_BCTHW: Tensor) -> float:
    """Wall-clock time of one step."""
    begin = time.perf_counter()
    step(clip_BCTHW)
    if clip_BCTHW.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--size", type=int, default=64, help="side in pixels")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    space = tsdsl.load(SPACE)
    source = random.Random(0)
    decisions = canonical(space, {d.path: source.choice(d.values) for d in space.decisions})
    for title, searched in (("auto_tsnet", space), ("widths x 4", widened(space, 4))):
        blueprint = Blueprint(searched, scale=Scale(name="", size=arguments.size))
        supernet = Supernet(blueprint, seed=0).to(arguments.device)
        network = supernet.layout(decisions).network
        clip_BCTHW = torch.randn(
            arguments.batch, 3, network.frames, arguments.size, arguments.size, device=arguments.device
        )
        kinds = steps(supernet, decisions)
        for step in kinds.values():
            step(clip_BCTHW)
        times: dict[str, list[float]] = {name: [] for name in kinds}
        for _ in range(arguments.repeats):
            for name, step in kinds.items():
                times[name].append(seconds(step, clip_BCTHW))
        memory = {name: peak_bytes(step, clip_BCTHW, supernet) for name, step in kinds.items()}
        shared = sum(parameter.numel() * 4 for parameter in supernet.parameters())
        print(f"{title}: shared weights {shared / MIB:.0f} MiB")
        for name in kinds:
            ratios = [own / twin for own, twin in zip(times[name], times["static twin"], strict=True)]
            print(
                f"  {name:<16} {memory[name] / MIB:8.1f} MiB  x {memory[name] / memory['static twin']:.3f}"
                f"   {statistics.median(times[name]):7.3f} s  x {statistics.median(ratios):.3f}"
            )


if __name__ == "__main__":
    main()
