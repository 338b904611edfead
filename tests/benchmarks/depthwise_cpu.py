"""Time of a training step on the CPU over that of torch's own 3D convolutions, in either layout.

Run by hand: `python tests/benchmarks/depthwise_cpu.py [--threads 1] [--size 96] [--batch 2] [--rounds 7]`.
A step is one forward and backward of a random architecture of auto_tsnet: its sparse stream, its dense stream,
both with fusion, and both with fusion and attention. The plain ways are torch's convolutions, linear maps and batch
normalisation. The ways are interleaved, each round in another order. Of each the median time is printed, and the
median and the quartiles of its time over tsdsl's in the same round; of its gradients, at 32 px, how far they are
from those of torch's convolutions in float64, as a share of their norm. That is with BN at fixed statistics, as those
of a small batch amplify any rounding, torch's own as well, to per cents. With one thread times are those of the
process, with more of the clock. Set MALLOC_MMAP_THRESHOLD_=4294967296 and
MALLOC_TRIM_THRESHOLD_=17179869184, as page faults otherwise cost as much as the arithmetic.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import torch
import torch.nn.functional as F
from recording import recorded
from torch import Tensor

import tsdsl
from tsdsl.lowering import Model
from tsdsl.lowering import run as interpreter
from tsdsl.lowering.ops import attention, norm
from tsdsl.lowering.ops.convolution import plain_convolution
from tsdsl.network.layout import Blueprint, Network
from tsdsl.space.decided import canonical
from tsdsl.space.parts import Scale

SPACE = Path(__file__).parents[2] / "spaces" / "auto_tsnet.tsspace"
CASES: dict[str, tuple[tuple[str, ...], int]] = {
    "sparse stream": ((), 1),
    "dense stream": (("sparse",), 2),
    "both streams": ((), 2),
    "both streams and attention": ((), 3),
}
"""What is left out, and the step of the search after which it stands so."""
CHECKED_PX = 32
Step = Callable[[], None]


def random_network(size_px: int, seed: int, without: tuple[str, ...], step: int) -> Network:
    """A random architecture of auto_tsnet, or a part of it, as it stands after a step of the search."""
    space = tsdsl.load(SPACE)
    source = random.Random(seed)
    decisions = canonical(space, {d.path: source.choice(d.values) for d in space.decisions})
    return Blueprint(space, scale=Scale(name="", size=size_px, without=without)).network(decisions, step)


def ways(
    network: Network, batch: int, size_px: int, dtype: torch.dtype, *, training: bool = True
) -> tuple[Model, dict[str, Step]]:
    """A model, and one step of it in each way; the same whatever the `dtype`, but for rounding."""
    model = Model(network, seed=0).to(dtype).train(training)
    generator = torch.Generator().manual_seed(0)
    clip_BCTHW = torch.randn(batch, 3, network.frames, size_px, size_px, generator=generator).to(dtype)
    channels_last_BCTHW = clip_BCTHW.contiguous(memory_format=torch.channels_last_3d)

    def own() -> None:
        train(model, channels_last_BCTHW)

    def plain() -> None:
        with torchs_operators():
            train(model, clip_BCTHW)

    def plain_channels_last() -> None:
        with torchs_operators():
            train(model, channels_last_BCTHW)

    return model, {"tsdsl": own, "conv3d": plain, "conv3d, channels last": plain_channels_last}


@contextmanager
def torchs_operators() -> Iterator[None]:
    """Convolutions, linear maps and batch normalisation as torch's own calls."""
    with (
        patch.object(interpreter, "convolution", plain_convolution),
        patch.object(attention, "linear", F.linear),
        patch.object(attention, "matmul", torch.matmul),
        patch.object(norm, "takes_norm", lambda x, weight: False),
    ):
        yield


def train(model: Model, clip_BCTHW: Tensor) -> None:
    """Forward and backward."""
    model.zero_grad(set_to_none=True)
    model(clip_BCTHW).square().mean().backward()


def seconds(step: Step) -> float:
    """Of the process where it has one thread, as others may use the machine."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    begin = clock()
    step()
    return clock() - begin


def gradient_distances(network: Network, batch: int) -> dict[str, float]:
    """How far each way's gradients are from torch's in float64, as a share of their norm; BN's statistics are fixed."""
    exact, steps = ways(network, batch, CHECKED_PX, torch.float64, training=False)
    steps["conv3d"]()
    expected = torch.cat([p.grad.flatten() for p in exact.parameters() if p.grad is not None])
    model, steps = ways(network, batch, CHECKED_PX, torch.float32, training=False)
    found: dict[str, float] = {}
    for name, step in steps.items():
        step()
        gradients = torch.cat([p.grad.double().flatten() for p in model.parameters() if p.grad is not None])
        found[name] = float((gradients - expected).norm() / expected.norm())
    return found


def compare(title: str, network: Network, batch: int, rounds: int) -> None:
    """Time the ways in turn and print ratios to tsdsl's, and how far gradients are from float64's."""
    distances = gradient_distances(network, batch)
    _, steps = ways(network, batch, network.size, torch.float32)
    for step in steps.values():
        step()
    source = random.Random(0)
    times_s: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name in source.sample(list(steps), len(steps)):
            times_s[name].append(seconds(steps[name]))
    print(f"{title}, {batch} clips of {network.size} px, {torch.get_num_threads()} threads, {rounds} rounds")
    for name, used in times_s.items():
        ratios = [theirs / own for theirs, own in zip(used, times_s["tsdsl"], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(
            f"  {name:<22} {statistics.median(used) * 1e3:8.1f} ms  x {middle:5.2f} ({low:.2f} to {high:.2f})"
            f"  gradients off by {distances[name]:.1e}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--size", type=int, default=96, help="side in pixels")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seed", type=int, default=0, help="of the architecture")
    parser.add_argument("--only", choices=list(CASES), help="one case")
    parser.add_argument("--write", action="store_true", help="write results/depthwise_cpu.txt")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with recorded("depthwise_cpu", arguments.write):
        for title, (without, step) in CASES.items():
            if arguments.only in (None, title):
                network = random_network(arguments.size, arguments.seed, without, step)
                compare(title, network, arguments.batch, arguments.rounds)


if __name__ == "__main__":
    main()
