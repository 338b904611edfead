"""Time and memory of a supernet's training step over that of its static twin, stream by stream.

Run by hand: `OMP_NUM_THREADS=1 python tests/benchmarks/supernet_step.py [--size 96] [--batch 4] [--rounds 15]`.
A step is forward, backward and SGD with Nesterov momentum and weight decay, of one random architecture of
auto_tsnet: its sparse stream, its dense stream, and both with fusion and attention; or of another shipped space, such
as `--space auto_x3d` with operators of its own for each block. The twin is the same
architecture as a model of its own, with fused SGD. The supernet's ways: `sliced`, the search's with
`weight_updates = sliced`; `dense`, the same with SGD over all shared weights; `autograd`, slices that
autograd differentiates, as usual elsewhere, with fused SGD. On CUDA in bfloat16, as the search does it.

Steps are interleaved, each round in another order; times are those of the process on the CPU, of the device
on CUDA. Memory on CUDA is the peak allocated in a step beyond what is there before it; on the CPU the bytes
saved for the backward pass. `--samples 16` adds the memory of a step of so many samples over that of one. Set
MALLOC_MMAP_THRESHOLD_=4294967296 and MALLOC_TRIM_THRESHOLD_=17179869184: page faults otherwise cost as much as
arithmetic.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Mapping

import torch
from recording import recorded
from torch import Tensor

import tsdsl
from tsdsl.engine.device import autocast
from tsdsl.lowering import Supernet, WeightedGradients, dense_step, extract, sliced_step
from tsdsl.network.layout import Blueprint
from tsdsl.space.decided import canonical
from tsdsl.space.model import Space
from tsdsl.space.parts import Scale, Value

SPACE = "auto_tsnet"
MIB = 2**20
SGD = {"lr": 1e-4, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-5, "fused": True}
STREAMS = {"sparse": ("dense",), "dense": ("sparse",), "both": ()}
Step = Callable[[Tensor], None]


def random_decisions(space: Space, seed: int) -> dict[str, Value]:
    """An architecture of the space."""
    source = random.Random(seed)
    return canonical(space, {d.path: source.choice(d.values) for d in space.decisions})


def ways(supernet: Supernet, decisions: Mapping[str, Value], num_samples: int) -> dict[str, Step]:
    """One training step of each kind."""
    model = extract(supernet, decisions)
    own = torch.optim.SGD(model.parameters(), **SGD)  # type: ignore[arg-type]
    shared = torch.optim.SGD(supernet.parameters(), **SGD)  # type: ignore[arg-type]

    def twin(clip_BCTHW: Tensor) -> None:
        with autocast(clip_BCTHW.device):
            scores_BK = model(clip_BCTHW)
        scores_BK.float().square().mean().backward()
        own.step()
        own.zero_grad(set_to_none=True)

    def sampled(clip_BCTHW: Tensor, count: int = 1) -> WeightedGradients:
        gradients = WeightedGradients(supernet)
        for _ in range(count):
            leaves = supernet.leaves(decisions)
            with autocast(clip_BCTHW.device):
                scores_BK = supernet.run(clip_BCTHW, leaves)
            scores_BK.float().square().mean().backward()
            gradients.add(leaves, 0.0)
        return gradients

    def sliced(clip_BCTHW: Tensor) -> None:
        _, parts = sampled(clip_BCTHW).finish_parts()
        sliced_step(shared, supernet.placed, parts)

    def dense(clip_BCTHW: Tensor) -> None:
        _, parts = sampled(clip_BCTHW).finish_parts()
        dense_step(shared, supernet.placed, parts)

    def autograd(clip_BCTHW: Tensor) -> None:
        with autocast(clip_BCTHW.device):
            scores_BK = supernet(clip_BCTHW, decisions)
        scores_BK.float().square().mean().backward()
        shared.step()
        shared.zero_grad(set_to_none=True)

    def many(clip_BCTHW: Tensor) -> None:
        _, parts = sampled(clip_BCTHW, num_samples).finish_parts()
        sliced_step(shared, supernet.placed, parts)

    found = {"twin": twin, "sliced": sliced, "dense": dense, "autograd": autograd}
    return found | ({f"{num_samples} samples": many} if num_samples > 1 else {})


def seconds(step: Step, clip_BCTHW: Tensor) -> float:
    """The process's time on the CPU, wall-clock time on a device."""
    if clip_BCTHW.device.type == "cpu":
        begin = time.process_time()
        step(clip_BCTHW)
        return time.process_time() - begin
    torch.cuda.synchronize()
    begin = time.perf_counter()
    step(clip_BCTHW)
    torch.cuda.synchronize()
    return time.perf_counter() - begin


def step_bytes(step: Step, clip_BCTHW: Tensor, supernet: Supernet) -> int:
    """What a step needs at its peak on CUDA; on the CPU the most saved for a backward pass at one time."""
    if clip_BCTHW.device.type != "cpu":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step(clip_BCTHW)
        return torch.cuda.max_memory_allocated() - before
    return saved_bytes(step, clip_BCTHW, supernet)


def saved_bytes(step: Step, clip_BCTHW: Tensor, supernet: Supernet) -> int:
    """The most bytes saved for backward passes at one time, each storage once; of a shared weight only the part."""
    shared = {p.untyped_storage().data_ptr() for p in supernet.parameters()}
    alive: dict[int, tuple[int, int]] = {}
    most = 0

    class Saved:
        def __init__(self, tensor: Tensor) -> None:
            nonlocal most
            storage = tensor.untyped_storage()
            self.tensor, self.key = tensor, storage.data_ptr()
            size = tensor.nbytes if self.key in shared else storage.nbytes()
            alive[self.key] = (alive.get(self.key, (0, 0))[0] + 1, size)
            most = max(most, sum(size for _, size in alive.values()))

        def __del__(self) -> None:
            count, size = alive.pop(self.key)
            if count > 1:
                alive[self.key] = (count - 1, size)

    with torch.autograd.graph.saved_tensors_hooks(Saved, lambda saved: saved.tensor):
        step(clip_BCTHW)
    return most


def compare(title: str, steps: dict[str, Step], clip_BCTHW: Tensor, supernet: Supernet, rounds: int) -> None:
    """Interleaved times and ratios to the first."""
    source = random.Random(0)
    for step in steps.values():
        step(clip_BCTHW)
    memory = {name: step_bytes(step, clip_BCTHW, supernet) for name, step in steps.items()}
    timed = [name for name in steps if "samples" not in name]
    times_s: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(rounds):
        for name in source.sample(timed, len(timed)):
            times_s[name].append(seconds(steps[name], clip_BCTHW))
    sizes = "x".join(map(str, clip_BCTHW.shape))
    print(f"{title}, clips {sizes}, {rounds} rounds")
    for name, used in memory.items():
        line = f"  {name:<11} {used / MIB:8.1f} MiB x {used / memory['twin']:.3f}"
        if name in times_s:
            ratios = [own / twin for own, twin in zip(times_s[name], times_s["twin"], strict=True)]
            low, middle, high = statistics.quantiles(ratios, n=4)
            line += f"   {statistics.median(times_s[name]):7.3f} s x {middle:.3f} ({low:.3f} to {high:.3f})"
        print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--size", type=int, default=96, help="side in pixels")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0, help="of the architecture")
    parser.add_argument("--samples", type=int, default=1)
    parser.add_argument("--space", default=SPACE, help="a shipped space")
    parser.add_argument("--only", default="", choices=["", *STREAMS])
    parser.add_argument("--write", action="store_true", help="write results/supernet_step[_SPACE].txt")
    arguments = parser.parse_args()
    is_other = arguments.space != SPACE
    with recorded(f"supernet_step_{arguments.space}" if is_other else "supernet_step", arguments.write):
        space = tsdsl.load(f"std:{arguments.space}")
        decisions = random_decisions(space, arguments.seed)
        streams: dict[str, tuple[str, ...]] = {arguments.space: ()} if is_other else STREAMS
        for stream, without in streams.items():
            if arguments.only and arguments.only != stream:
                continue
            blueprint = Blueprint(space, scale=Scale(name="", size=arguments.size, without=without))
            supernet = Supernet(blueprint, seed=0).to(arguments.device)
            network = supernet.layout(decisions).network
            clip_BCTHW = torch.randn(
                arguments.batch, 3, network.frames, arguments.size, arguments.size, device=arguments.device
            ).contiguous(memory_format=torch.channels_last_3d)
            steps = ways(supernet, decisions, arguments.samples)
            compare(stream, steps, clip_BCTHW, supernet, arguments.rounds)


if __name__ == "__main__":
    main()
