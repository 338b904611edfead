"""Everything that is to be measured on a GPU, in one call of less than 8 minutes: kernels, steps, memory, a profile.

Run by hand: `python tests/benchmarks/gpu.py [--write]`. Without CUDA it says so and ends with exit code 2;
`--device cpu --quick` tries its logic on a CPU in little time, and gives numbers that mean nothing about a GPU.

1. Depthwise kernels, forward and backward, on shapes of auto_tsnet, over torch's own (`F.conv3d` in its default
   layout), and over the least time that reading and writing every tensor once can take at the bandwidth
   measured first. In bfloat16. Each is checked against float64 beforehand.
2. A training step of both streams over the same with `F.conv3d` everywhere, with bfloat16 autocast.
3. The supernet's step over its static twin, time and memory, and 16 samples over one (`supernet_step.py`).
4. The share of each kind of kernel in a step, by torch.profiler.
5. A batch of uint8 clips brought to the device and normalised, from pinned memory and from other.

Kernels are compiled beforehand by several processes. Each part stops adding rounds, and the first shapes, when its
share of the time is used up, and says how many it had.
"""

from __future__ import annotations

import argparse
import functools
import math
import multiprocessing
import os
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from unittest.mock import patch

import supernet_step
import torch
import torch.nn.functional as F
from recording import recorded
from supernet_step import MIB, SPACE, random_decisions, step_bytes, ways
from torch import Tensor

import tsdsl
from tsdsl.data import normalise
from tsdsl.engine.device import autocast
from tsdsl.lowering import Model, Supernet
from tsdsl.lowering import run as interpreter
from tsdsl.lowering.kernels.choice import TRITON, kernels_of
from tsdsl.lowering.ops.convolution import convolution, plain_convolution
from tsdsl.network.layout import Blueprint, Network
from tsdsl.operators.layers import Convolution, walk
from tsdsl.operators.varying import fixed
from tsdsl.space.parts import Scale

LIMIT_S = 420.0
SHARES = {"kernels": 0.45, "step": 0.2, "supernet": 0.25, "profile": 0.1}
Work = Callable[[], object]
Case = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""Sizes of the clip B x C x T x H x W, kernel, stride."""


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def seconds(work: Work, device: torch.device) -> float:
    """Wall-clock time of one call, to its end on the device."""
    synchronise(device)
    begin = time.perf_counter()
    work()
    synchronise(device)
    return time.perf_counter() - begin


def interleaved(works: dict[str, Work], device: torch.device, rounds: int, deadline: float) -> dict[str, list[float]]:
    """Times of each, in turn and in changing order; a call or two of each go before. Stops at the deadline."""
    source = random.Random(0)
    for call in range(2):
        for work in works.values():
            if not call or time.perf_counter() < deadline:
                seconds(work, device)
    times_s: dict[str, list[float]] = {name: [] for name in works}
    for round_ in range(rounds):
        if round_ > 1 and time.perf_counter() > deadline:
            break
        for name in source.sample(list(works), len(works)):
            times_s[name].append(seconds(works[name], device))
    return times_s


def ratios(times_s: dict[str, list[float]], name: str, base: str) -> tuple[float, float, float]:
    """(lower quartile, median, upper quartile) of time `name` over `base` in the same round."""
    found = [a / b for a, b in zip(times_s[name], times_s[base], strict=True)]
    low, middle, high = statistics.quantiles(found, n=4)
    return low, middle, high


def depthwise_cases(network: Network, batch: int, most: int) -> list[Case]:
    """The distinct depthwise convolutions of a network, spread over its depth."""
    found: dict[Case, None] = {}
    for node in network.nodes:
        frames, rows, columns = node.shape_in.frames, node.shape_in.height, node.shape_in.width
        for block in node.blocks:
            for layer in walk(block.layers):
                if isinstance(layer, Convolution) and layer.depthwise:
                    kernel, stride = tuple(map(fixed, layer.kernel)), layer.stride
                    channels = fixed(layer.width_out.channels)
                    found[((batch, channels, frames, rows, columns), kernel, stride)] = None
                    rows, columns = (-(-size // step) for size, step in zip((rows, columns), stride[1:], strict=True))
    cases = list(found)
    return cases[:: max(1, math.ceil(len(cases) / most))]


def bandwidth(device: torch.device) -> float:
    """Bytes a second of a copy, read and written."""
    source = torch.empty(2**28 if device.type == "cuda" else 2**24, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    times_s = interleaved({"copy": lambda: target.copy_(source)}, device, 10, math.inf)["copy"]
    return 2 * source.numel() / min(times_s)


def compile_kernels(cases: list[Case], dtype: torch.dtype) -> None:
    """Fills Triton's cache with what the shapes of a network need, on all cores."""
    begin = time.perf_counter()
    variants = {(kernel, stride, sizes[1] % 16 == 0) for sizes, kernel, stride in cases}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(8, len(variants), os.cpu_count() or 1), mp_context=context) as pool:
        list(pool.map(functools.partial(compile_variant, dtype=dtype), sorted(variants)))
    print(f"0. {len(variants)} kinds of kernels compiled in {time.perf_counter() - begin:.0f} s", flush=True)


def compile_variant(variant: tuple[tuple[int, ...], tuple[int, ...], bool], dtype: torch.dtype) -> None:
    """Compile one kind, by using it on a small clip."""
    kernel, stride, is_multiple = variant
    x = torch.ones(1, 64 if is_multiple else 40, 4, 8, 8, device="cuda", dtype=dtype, requires_grad=True)
    weight = torch.ones(x.shape[1], 1, *kernel, device="cuda", dtype=dtype, requires_grad=True)
    y = convolution(x, weight, None, stride, True)  # type: ignore[arg-type]
    y.sum().backward()


def kernels(cases: list[Case], device: torch.device, dtype: torch.dtype, rounds: int, deadline: float) -> None:
    """Part 1."""
    rate = bandwidth(device)
    print(f"1. depthwise kernels: {kernels_of(device.type)}, {dtype}; bandwidth of a copy {rate / 1e9:.0f} GB/s")
    over_torch, over_bound = [], []
    for number, (sizes, kernel, stride) in enumerate(cases):
        if number > 3 and time.perf_counter() > deadline:
            break
        x = torch.randn(sizes, device=device, dtype=dtype)
        weight = torch.randn(sizes[1], 1, *kernel, device=device, dtype=dtype).requires_grad_()
        last = x.contiguous(memory_format=torch.channels_last_3d).requires_grad_()
        first = x.contiguous().requires_grad_()
        y_first = plain_convolution(first, weight, None, stride, True)
        dy_first = torch.randn_like(y_first)
        dy_last = dy_first.contiguous(memory_format=torch.channels_last_3d)
        check_gradients(first, last, weight, dy_last, stride)

        until = deadline - (deadline - time.perf_counter()) * (len(cases) - number - 1) / (len(cases) - number)
        times_s = interleaved(
            {
                "own": functools.partial(forward_and_backward, convolution, last, weight, dy_last, stride),
                "torch": functools.partial(forward_and_backward, plain_convolution, first, weight, dy_first, stride),
            },
            device,
            rounds,
            until,
        )
        # Forward reads x and writes y; the gradients read dy and write dx, and read x and dy.
        bound_s = 3 * (x.nbytes + dy_first.nbytes) / rate
        _, speedup, _ = ratios(times_s, "torch", "own")
        own_s = statistics.median(times_s["own"])
        over_torch.append(speedup)
        over_bound.append(own_s / bound_s)
        print(
            f"   {'x'.join(map(str, sizes)):<22} kernel {'x'.join(map(str, kernel))} stride {stride[1]}"
            f"  {own_s * 1e3:8.3f} ms  torch's x {speedup:6.2f}  bound x {own_s / bound_s:6.2f}"
            f"  ({len(times_s['own'])} rounds)",
            flush=True,
        )
    print(
        f"   geometric means of {len(over_torch)} of {len(cases)} shapes:"
        f" {statistics.geometric_mean(over_torch):.2f} times as fast as torch's;"
        f" {statistics.geometric_mean(over_bound):.2f} times the bandwidth bound"
    )


def forward_and_backward(
    function: Callable[..., Tensor], x: Tensor, weight: Tensor, dy: Tensor, stride: tuple[int, ...]
) -> object:
    """A depthwise convolution and both of its gradients."""
    return torch.autograd.grad(function(x, weight, None, stride, True), (x, weight), dy)


def check_gradients(first: Tensor, last: Tensor, weight: Tensor, dy: Tensor, stride: tuple[int, ...]) -> None:
    """Ends the program where values or gradients of the first clip are not those of float64 to its precision."""
    exact_x, exact_weight = first[:1].detach().double().requires_grad_(), weight.detach().double().requires_grad_()
    padding = tuple(size // 2 for size in weight.shape[2:])
    exact_y = F.conv3d(exact_x, exact_weight, None, stride, padding, groups=weight.shape[0])
    exact = (exact_y, *torch.autograd.grad(exact_y, (exact_x, exact_weight), dy[:1].double()))
    one = last[:1].detach().requires_grad_()
    y = convolution(one, weight, None, stride, True)  # type: ignore[arg-type]
    found = (y, *torch.autograd.grad(y, (one, weight), dy[:1]))
    tolerance = 2 ** (-6 if weight.dtype == torch.bfloat16 else -12)
    for mine, theirs in zip(found, exact, strict=True):
        error = float(((mine.double() - theirs).abs().max() / theirs.abs().max()).detach())
        if not error < tolerance:
            sys.exit(f"wrong result: {tuple(first.shape)}, {tuple(weight.shape)}, stride {stride}: error {error:.2g}")


def whole_step(network: Network, batch: int, device: torch.device, rounds: int, deadline: float) -> Work:
    """Part 2; returns the step for the profile."""
    model = Model(network, seed=0).to(device)
    sgd = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9, fused=True)
    clip_BCTHW = torch.randn(batch, 3, network.frames, network.size, network.size, device=device)
    last_BCTHW = clip_BCTHW.contiguous(memory_format=torch.channels_last_3d)

    def train(given_BCTHW: Tensor) -> None:
        with autocast(device):
            scores_BK = model(given_BCTHW)
        scores_BK.float().square().mean().backward()
        sgd.step()
        sgd.zero_grad(set_to_none=True)

    def plain(given_BCTHW: Tensor) -> None:
        with patch.object(interpreter, "convolution", plain_convolution):
            train(given_BCTHW)

    works: dict[str, Work] = {
        "tsdsl": lambda: train(last_BCTHW),
        "conv3d": lambda: plain(clip_BCTHW),
        "conv3d, channels last": lambda: plain(last_BCTHW),
    }
    times_s = interleaved(works, device, rounds, deadline)
    print(f"2. training step of both streams, {batch} clips of {network.size} px")
    for name in works:
        low, middle, high = ratios(times_s, name, "tsdsl")
        middle_ms = statistics.median(times_s[name]) * 1e3
        print(f"   {name:<22} {middle_ms:9.1f} ms  x {middle:.2f} ({low:.2f} to {high:.2f})", flush=True)
    return works["tsdsl"]


def supernet(size_px: int, batch: int, device: torch.device, rounds: int, samples: int, deadline: float) -> None:
    """Part 3."""
    print(f"3. supernet's step over its static twin's, {batch} clips of {size_px} px")
    space = tsdsl.load(SPACE)
    decisions = random_decisions(space, 0)
    for number, (stream, without) in enumerate(supernet_step.STREAMS.items()):
        net = Supernet(Blueprint(space, scale=Scale(name="", size=size_px, without=without)), seed=0).to(device)
        frames = net.layout(decisions).network.frames
        clip_BCTHW = torch.randn(batch, 3, frames, size_px, size_px, device=device)
        clip_BCTHW = clip_BCTHW.contiguous(memory_format=torch.channels_last_3d)
        steps = ways(net, decisions, samples)
        works: dict[str, Work] = {
            name: functools.partial(step, clip_BCTHW) for name, step in steps.items() if "samples" not in name
        }
        until = deadline - (deadline - time.perf_counter()) * (2 - number) / (3 - number)
        times_s = interleaved(works, device, rounds, until)
        memory = {name: step_bytes(step, clip_BCTHW, net) for name, step in steps.items()}
        for name, used in memory.items():
            line = f"   {stream:<7} {name:<11} {used / MIB:9.1f} MiB x {used / memory['twin']:.3f}"
            if name in times_s:
                low, middle, high = ratios(times_s, name, "twin")
                line += f"  time x {middle:.3f} ({low:.3f} to {high:.3f})"
            print(line, flush=True)


def profile(step: Work, device: torch.device) -> None:
    """Part 4."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as found:
        step()
        synchronise(device)
    times_us: Counter[str] = Counter()
    for event in found.key_averages():
        spent = event.self_device_time_total if device.type == "cuda" else event.self_cpu_time_total
        times_us[event.key] += int(spent)
    total = sum(times_us.values()) or 1
    print("4. where a step's time goes, by kernel" if device.type == "cuda" else "4. where a step's time goes")
    for name, spent in times_us.most_common(15):
        print(f"   {spent / total:6.1%}  {spent / 1e3:9.2f} ms  {name[:80]}")


def transfer(network: Network, batch: int, device: torch.device, rounds: int) -> None:
    """Part 5."""
    clip_BCTHW = torch.zeros(batch, 3, network.frames, network.size, network.size, dtype=torch.uint8)
    clip_BCTHW = clip_BCTHW.contiguous(memory_format=torch.channels_last_3d)
    held = {"other memory": clip_BCTHW}
    if device.type == "cuda":
        held["pinned memory"] = clip_BCTHW.pin_memory()
    works: dict[str, Work] = {
        name: functools.partial(lambda clip: normalise(clip.to(device, non_blocking=True)), clip)
        for name, clip in held.items()
    }
    print("5. a batch of uint8 clips to the device, and made float there")
    for name, times in interleaved(works, device, rounds, math.inf).items():
        print(f"   {name:<14} {statistics.median(times) * 1e3:8.2f} ms, {clip_BCTHW.nbytes / MIB:.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds, to try the program")
    parser.add_argument("--size", type=int, default=160, help="side in pixels")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--write", action="store_true", help="write results/gpu.txt")
    arguments = parser.parse_args()
    if arguments.device.startswith("cuda") and not torch.cuda.is_available():
        print("there is no CUDA device here, so nothing was measured; --device cpu --quick tries the program")
        sys.exit(2)
    device = torch.device(arguments.device)
    size_px, batch, rounds, samples = arguments.size, arguments.batch, arguments.rounds, 16
    if arguments.quick:
        size_px, batch, rounds, samples = 32, 2, 3, 2
    begin = time.perf_counter()
    ends: dict[str, float] = {}
    for part, share in SHARES.items():
        ends[part] = (ends[list(ends)[-1]] if ends else begin) + share * LIMIT_S
    with recorded("gpu", arguments.write):
        space = tsdsl.load(SPACE)
        network = Blueprint(space, scale=Scale(name="", size=size_px)).network(random_decisions(space, 0), 3)
        dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
        cases = depthwise_cases(network, batch, 4 if arguments.quick else 16)
        if kernels_of(device.type) == TRITON:
            print(f"triton {version('triton')}")
            compile_kernels(depthwise_cases(network, batch, sys.maxsize), dtype)
        kernels(cases, device, dtype, rounds, ends["kernels"])
        step = whole_step(network, batch, device, rounds, ends["step"])
        supernet(size_px, batch, device, rounds, samples, ends["supernet"])
        profile(step, device)
        transfer(network, batch, device, rounds)
        print(f"{time.perf_counter() - begin:.0f} s in all")


if __name__ == "__main__":
    main()
