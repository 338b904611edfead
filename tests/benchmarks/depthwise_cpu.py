"""Time of a training step on the CPU over that of torch's own 3D convolutions, in either layout.

Run by hand: `OMP_NUM_THREADS=1 python tests/benchmarks/depthwise_cpu.py [--repeats 15] [--only tiny]`.
A step is one forward and backward of a random architecture: the sparse stream of auto_tsnet at 96 px with 4
clips, both streams of it with 2, and both streams of tiny at 48 px with 32. The ways are interleaved; of
each the median time is printed, and the median, lowest and highest ratio of its time to that of tsdsl's way
in the same round. Set MALLOC_MMAP_THRESHOLD_=4294967296 and MALLOC_TRIM_THRESHOLD_=17179869184, as page
faults otherwise cost as much as the arithmetic.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import torch
from torch import Tensor

import tsdsl
from tsdsl.analysis.network import Blueprint, Network
from tsdsl.lowering import Model
from tsdsl.lowering import run as interpreter
from tsdsl.lowering.ops.convolution import plain_convolution
from tsdsl.space.architecture import canonical
from tsdsl.space.model import Scale

SPACES = Path(__file__).parents[2] / "spaces"
Step = Callable[[], None]


def random_network(space_name: str, size_px: int, step: int, seed: int) -> Network:
    """A random architecture of a space in this repository as it stands after a step of its search."""
    space = tsdsl.load(SPACES / f"{space_name}.tsspace")
    source = random.Random(seed)
    decisions = canonical(space, {d.path: source.choice(d.values) for d in space.decisions})
    return Blueprint(space, scale=Scale(name="", size=size_px)).network(decisions, step)


def ways(network: Network, batch: int) -> dict[str, Step]:
    """One training step of the same model in each way."""
    model = Model(network, seed=0)
    clip_BCTHW = torch.randn(batch, 3, network.frames, network.size, network.size)
    channels_last_BCTHW = clip_BCTHW.contiguous(memory_format=torch.channels_last_3d)

    def own() -> None:
        train(model, clip_BCTHW)

    def plain() -> None:
        with patch.object(interpreter, "convolution", plain_convolution):
            train(model, clip_BCTHW)

    def plain_channels_last() -> None:
        with patch.object(interpreter, "convolution", plain_convolution):
            train(model, channels_last_BCTHW)

    return {"tsdsl": own, "conv3d": plain, "conv3d, channels last": plain_channels_last}


def train(model: Model, clip_BCTHW: Tensor) -> None:
    """Forward and backward."""
    model.zero_grad(set_to_none=True)
    model(clip_BCTHW).square().mean().backward()


def compare(title: str, steps: dict[str, Step], repeats: int) -> None:
    """Time the steps in turn and print ratios to the first."""
    for step in steps.values():
        step()
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(repeats):
        for name, step in steps.items():
            begin = time.perf_counter()
            step()
            times[name].append(time.perf_counter() - begin)
    print(f"{title}, {torch.get_num_threads()} threads, {repeats} rounds")
    for name, own in times.items():
        ratios = [a / b for a, b in zip(own, next(iter(times.values())), strict=True)]
        print(
            f"  {name:<22} {statistics.median(own) * 1e3:8.1f} ms   x {statistics.median(ratios):5.2f}"
            f"  ({min(ratios):.2f} to {max(ratios):.2f})",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0, help="of the architecture")
    parser.add_argument("--only", default="", help="run the cases whose title contains this")
    arguments = parser.parse_args()
    cases = {
        "auto_tsnet sparse stream, 96 px, 4 clips": ("auto_tsnet", 96, 1, 4),
        "auto_tsnet both streams, 96 px, 2 clips": ("auto_tsnet", 96, 3, 2),
        "tiny both streams, 48 px, 32 clips": ("tiny", 48, 3, 32),
    }
    for title, (space_name, size_px, step, batch) in cases.items():
        if arguments.only in title:
            network = random_network(space_name, size_px, step, arguments.seed)
            compare(title, ways(network, batch), arguments.repeats)


if __name__ == "__main__":
    main()
