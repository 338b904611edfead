"""Where the time of a search's training step goes, part by part, before and after what makes it fast.

Run by hand: `python tests/benchmarks/step_profile.py [--threads 1] [--size 96] [--batch 4] [--write]`. A step is
forward, backward and SGD with Nesterov momentum and weight decay, of one random architecture in the supernet of
auto_tsnet: as after each step of its search. `before` is the usual way: torch's operators in the layout of the clips,
slices of the shared weights that autograd differentiates, and SGD over all of them in one loop. `after` is the
search's way with `weight_updates = sliced`. Times are torch.profiler's of a step, the median of some; what a part
costs in the backward pass counts with the part. GPUs: tests/benchmarks/gpu.py. Set
MALLOC_MMAP_THRESHOLD_=4294967296 and MALLOC_TRIM_THRESHOLD_=17179869184, as in the other benchmarks.
"""

from __future__ import annotations

import argparse
import statistics
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import torch
from depthwise_cpu import torchs_operators
from recording import recorded
from supernet_step import SGD, SPACE, random_decisions
from torch import Tensor
from torch.autograd.profiler import record_function
from torch.profiler import ProfilerActivity

import tsdsl
from tsdsl.lowering import Supernet, WeightedGradients, sliced_step
from tsdsl.lowering import run as interpreter
from tsdsl.lowering.slices import take
from tsdsl.network.layout import Blueprint
from tsdsl.operators.layers import Activation, BatchNorm, Convolution, GlobalReasoning, Layer, NonLocal, SqueezeExcite
from tsdsl.operators.varying import fixed
from tsdsl.space.parts import Scale, Value

STEPS = {1: "sparse stream", 2: "both streams", 3: "both streams and attention"}
PARTS = (
    "depthwise convolutions",
    "point-wise convolutions",
    "other convolutions",
    "normalisation, activations",
    "attention",
    "slices and their gradients",
    "SGD",
    "everything else",
)
Step = Callable[[], None]


def part_of(layer: Layer) -> str:
    """What a layer counts as."""
    if isinstance(layer, Convolution):
        if layer.depthwise:
            return "depthwise convolutions"
        is_pointwise = all(fixed(size) == 1 for size in layer.kernel)
        return "point-wise convolutions" if is_pointwise else "other convolutions"
    if isinstance(layer, BatchNorm | Activation):
        return "normalisation, activations"
    return "attention" if isinstance(layer, SqueezeExcite | GlobalReasoning | NonLocal) else "everything else"


def ways(supernet: Supernet, decisions: Mapping[str, Value], step: int, clip_BCTHW: Tensor) -> dict[str, Step]:
    """The training step before and after."""
    usual = torch.optim.SGD(supernet.parameters(), **SGD | {"fused": False, "foreach": False})  # type: ignore[arg-type]
    fused = torch.optim.SGD(supernet.parameters(), **SGD)  # type: ignore[arg-type]

    def before() -> None:
        with torchs_operators():
            supernet(clip_BCTHW.contiguous(), decisions, step).square().mean().backward()
        with record_function("SGD"):
            usual.step()
            usual.zero_grad(set_to_none=True)

    def after() -> None:
        gradients = WeightedGradients(supernet)
        with record_function("slices and their gradients"):
            leaves = supernet.leaves(decisions, step)
        supernet.run(clip_BCTHW, leaves).square().mean().backward()
        with record_function("slices and their gradients"):
            gradients.add(leaves, 0.0)
            _, parts = gradients.finish_parts()
        with record_function("SGD"):
            sliced_step(fused, supernet.placed, parts)

    return {"before": before, "after": after}


def profiled_ms(step: Step) -> Counter[str]:
    """Milliseconds of a step by part."""

    def named(run: Callable[..., Any]) -> Callable[..., Any]:
        def run_named(layer: Layer, *arguments: Any) -> Any:
            with record_function(part_of(layer)):
                return run(layer, *arguments)

        return run_named

    def sliced(shared: Tensor, region: Any) -> Tensor:
        with record_function("slices and their gradients"):
            return take(shared, region)

    with ExitStack() as stack:
        for name in ("run_layer", "run_norm"):
            stack.enter_context(patch.object(interpreter, name, named(getattr(interpreter, name))))
        stack.enter_context(patch("tsdsl.lowering.supernet.take", sliced))
        profiler = stack.enter_context(torch.profiler.profile(activities=[ProfilerActivity.CPU]))
        step()
    return by_part(profiler.events())


def by_part(events: Any) -> Counter[str]:
    """Self times by the innermost part around an event; those of the backward pass by their forward operator's."""
    forward: dict[int, str] = {}
    for event in events:
        part = enclosing(event)
        if part is not None and event.sequence_nr >= 0:
            # Of operators inside one another with the same number, the one that autograd records is the last.
            forward[event.sequence_nr] = part
    found: Counter[str] = Counter()
    for event in events:
        part = enclosing(event)
        ancestor = event
        while part is None and ancestor is not None:
            if ancestor.name.startswith("autograd::engine::evaluate_function"):
                part = forward.get(ancestor.sequence_nr)
            ancestor = ancestor.cpu_parent
        found[part or "everything else"] += event.self_cpu_time_total / 1e3
    return found


def enclosing(event: Any) -> str | None:
    """The innermost part that an event lies in."""
    while event is not None:
        if event.name in PARTS:
            return str(event.name)
        event = event.cpu_parent
    return None


def table(title: str, times_ms: Mapping[str, list[Counter[str]]]) -> None:
    """Parts with their times and shares, before and after, and how many times as fast."""
    medians = {
        name: {part: statistics.median(one[part] for one in found) for part in PARTS}
        for name, found in times_ms.items()
    }
    totals = {name: sum(parts.values()) for name, parts in medians.items()}
    print(f"\n{title}\n\n| part | before | share | after | share | ratio |\n| --- | ---: | ---: | ---: | ---: | ---: |")
    for part in (*PARTS, "all"):
        old, new = (totals[name] if part == "all" else medians[name][part] for name in ("before", "after"))
        if old or new:
            ratio = f"{old / new:.1f}" if new else ""
            shares = old / totals["before"], new / totals["after"]
            print(f"| {part} | {old:.0f} ms | {shares[0]:.0%} | {new:.0f} ms | {shares[1]:.0%} | {ratio} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--size", type=int, default=96, help="side in pixels")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0, help="of the architecture")
    parser.add_argument("--step", type=int, choices=list(STEPS), help="of the search; all where left out")
    parser.add_argument("--write", action="store_true", help="write results/step_profile.txt")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with recorded("step_profile", arguments.write):
        space = tsdsl.load(SPACE)
        decisions = random_decisions(space, arguments.seed)
        for number, title in STEPS.items():
            if arguments.step not in (None, number):
                continue
            supernet = Supernet(Blueprint(space, scale=Scale(name="", size=arguments.size)), seed=0)
            network = supernet.layout(decisions, number).network
            clip_BCTHW = torch.randn(arguments.batch, 3, network.frames, arguments.size, arguments.size).contiguous(
                memory_format=torch.channels_last_3d
            )
            steps = ways(supernet, decisions, number, clip_BCTHW)
            for step in steps.values():
                step()
            times_ms: dict[str, list[Counter[str]]] = {name: [] for name in steps}
            for _ in range(arguments.rounds):
                for name, step in steps.items():
                    times_ms[name].append(profiled_ms(step))
            table(f"{title}, {arguments.batch} clips of {arguments.size} px, {arguments.threads} threads", times_ms)


if __name__ == "__main__":
    main()
