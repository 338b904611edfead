"""What a supernet costs over its static twin: tsdsl's, once-for-all's and NNI's, on a common chain of 2D blocks.

Run by hand: `OMP_NUM_THREADS=1 python tests/benchmarks/other_supernets.py [--size 96] [--batch 8] [--write]`.
`pip install --no-deps ofa` and `pip install nni` add the others; what is not installed is left out. The chain
is a convolution and ten inverted bottlenecks (1 x 1, depthwise 3 x 3, 1 x 1, each with BN), whose widths and
expansions have three choices each; one random architecture of it. The others' blocks are their own:
`DynamicMBConvLayer` and `get_active_subnet`; `MixedConv2d` and `MixedBatchNorm2d`. A step is forward, backward
and fused SGD with momentum over all weights of the supernet, or of the twin; tsdsl's `sliced` one is over the
sampled weights. Twins are made by the same tool, NNI's of torch's layers. Interleaved, each round in another
order; times are those of the process. once-for-all imports torchvision, of which nothing is needed here: empty
modules stand in for it.
"""

from __future__ import annotations

import argparse
import importlib.util
import logging
import random
import statistics
import sys
import tempfile
import time
import types
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from recording import recorded
from torch import Tensor, nn

import tsdsl
from tsdsl.lowering import Supernet, WeightedGradients, extract, sliced_step
from tsdsl.network.layout import Blueprint
from tsdsl.space.decided import canonical

WIDTHS = ((24, 32, 40),) * 3 + ((48, 64, 80),) * 3 + ((96, 128, 160),) * 4
STRIDES = (2, 1, 1, 2, 1, 1, 2, 1, 1, 1)
EXPANSIONS = (3, 4, 6)
STEM = 32
CLASSES = 100
SGD = {"lr": 1e-4, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-5, "fused": True}
Chosen = list[tuple[int, int]]
"""(width, expansion) of each block."""
Forward = Callable[[Tensor], Tensor]
Step = Callable[[], object]


def architecture(seed: int) -> Chosen:
    """A random architecture of the chain."""
    source = random.Random(seed)
    return [(source.choice(widths), source.choice(EXPANSIONS)) for widths in WIDTHS]


def steps(supernet: Forward, weights: list[nn.Parameter], twin: nn.Module, images: Tensor) -> dict[str, Step]:
    """Forward passes and training steps of a supernet and its twin."""
    shared, own = torch.optim.SGD(weights, **SGD), torch.optim.SGD(twin.parameters(), **SGD)  # type: ignore[arg-type]

    def train(forward: Forward, optimiser: torch.optim.SGD) -> None:
        forward(images).square().mean().backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    @torch.no_grad()
    def look(forward: Forward) -> None:
        forward(images)

    return {
        "forward, twin": lambda: look(twin),
        "forward, supernet": lambda: look(supernet),
        "step, twin": lambda: train(twin, own),
        "step, supernet": lambda: train(supernet, shared),
    }


def tsdsl_steps(chosen: Chosen, images: Tensor) -> dict[str, Step]:
    """Of tsdsl: a stream of one frame."""
    groups = [f"group conv3d(kernel = 1x3x3, channels = {STEM}, stride = 2)"] + [
        f"group mbconv3d(t = 1, k = 3, expansion = {{3.0, 4.0, 6.0}}, channels = {{{', '.join(map(str, widths))}}},"
        f" stride = {stride})"
        for widths, stride in zip(WIDTHS, STRIDES, strict=True)
    ]
    text = (
        f"tsspace 1\nspace chain {{\n classes = {CLASSES}\n size = {images.shape[-1]}\n stream only {{\n  frames = 1\n"
        "  stage 1 {\n   " + "\n   ".join(groups) + "\n  }\n }\n head { features = 16  dropout = 0.0 }\n"
        ' step 1 "all" { search = only }\n}\n'
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chain.tsspace"
        path.write_text(text, encoding="utf-8")
        space = tsdsl.load(path)
    values: dict[str, Any] = {}
    for number, (width, expansion) in enumerate(chosen, start=2):
        values[f"only.stage1.group{number}.channels"] = width
        values[f"only.stage1.group{number}.expansion"] = float(expansion)
    decisions = canonical(space, values)
    supernet = Supernet(Blueprint(space), seed=0)
    twin = extract(supernet, decisions)
    clips = images[:, :, None].contiguous(memory_format=torch.channels_last_3d)
    found = steps(lambda x: supernet(x, decisions), list(supernet.parameters()), twin, clips)
    fused = torch.optim.SGD(supernet.parameters(), **SGD)  # type: ignore[arg-type]

    def sliced() -> None:
        gradients = WeightedGradients(supernet)
        leaves = supernet.leaves(decisions)
        supernet.run(clips, leaves).square().mean().backward()
        gradients.add(leaves, 0.0)
        sliced_step(fused, supernet.placed, gradients.finish_parts()[1])

    return found | {"step, supernet, sliced": sliced}


def stem_and_head(width: int) -> tuple[nn.Module, nn.Module]:
    """What is the same in every architecture."""
    stem = nn.Sequential(nn.Conv2d(3, STEM, 3, 2, 1, bias=False), nn.BatchNorm2d(STEM), nn.ReLU())
    return stem, nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, CLASSES))


def once_for_all_steps(chosen: Chosen, images: Tensor) -> dict[str, Step]:
    """Of once-for-all."""
    names = ("", ".transforms", ".transforms.functional", ".datasets", ".datasets.folder", ".models", ".utils")
    with patch.dict(sys.modules, {f"torchvision{name}": _Empty(f"torchvision{name}") for name in names}):
        from ofa.imagenet_classification.elastic_nn.modules.dynamic_layers import DynamicMBConvLayer

    blocks, twins, before, width = [], [], (STEM,), STEM
    for widths, stride, (chosen_width, expansion) in zip(WIDTHS, STRIDES, chosen, strict=True):
        block = DynamicMBConvLayer(list(before), list(widths), 3, list(EXPANSIONS), stride, "relu")
        block.active_expand_ratio, block.active_out_channel = expansion, chosen_width
        blocks.append(block)
        twins.append(block.get_active_subnet(width))
        before, width = widths, chosen_width
    stem, head = stem_and_head(width)
    supernet = nn.Sequential(stem, *blocks, head)
    return steps(supernet, list(supernet.parameters()), nn.Sequential(stem, *twins, head), images)


def nni_steps(chosen: Chosen, images: Tensor) -> dict[str, Step]:
    """Of NNI."""
    import nni
    from nni.nas.oneshot.pytorch.supermodule.operation import MixedBatchNorm2d, MixedConv2d

    sample = {f"width{n}": width for n, (width, _) in enumerate(chosen)}
    sample |= {f"expansion{n}": expansion for n, (_, expansion) in enumerate(chosen)}

    class Fixed:
        """Samples that architecture, as NNI's path sampling does by its memo."""

        def forward_argument(self, operation: Any, name: str) -> Any:
            mutable = operation.mutable_arguments.get(name)
            return operation.init_arguments[name] if mutable is None else mutable.freeze(sample)

    def mixed(kind: type, **arguments: Any) -> nn.Module:
        operation: nn.Module = kind(arguments)
        operation.sampling_policy = Fixed()  # type: ignore[assignment]
        return operation

    layers: list[nn.Module] = []
    before: Any = STEM
    for number, (widths, stride) in enumerate(zip(WIDTHS, STRIDES, strict=True)):
        width, expansion = (
            nni.choice(f"width{number}", list(widths)),
            nni.choice(f"expansion{number}", list(EXPANSIONS)),
        )
        middle = before * expansion
        layers += [
            mixed(MixedConv2d, in_channels=before, out_channels=middle, kernel_size=1, bias=False),
            mixed(MixedBatchNorm2d, num_features=middle),
            nn.ReLU(),
            mixed(
                MixedConv2d,
                in_channels=middle,
                out_channels=middle,
                kernel_size=3,
                stride=stride,
                padding=1,
                groups=middle,
                bias=False,
            ),
            mixed(MixedBatchNorm2d, num_features=middle),
            nn.ReLU(),
            mixed(MixedConv2d, in_channels=middle, out_channels=width, kernel_size=1, bias=False),
            mixed(MixedBatchNorm2d, num_features=width),
        ]
        before = width
    stem, head = stem_and_head(chosen[-1][0])
    supernet = nn.Sequential(stem, *layers, head)
    return steps(supernet, list(supernet.parameters()), nn.Sequential(stem, *plain_blocks(chosen), head), images)


def plain_blocks(chosen: Chosen) -> list[nn.Module]:
    """The blocks of one architecture of torch's own layers: NNI's `freeze` fails for convolutions without bias."""
    layers: list[nn.Module] = []
    before = STEM
    for stride, (width, expansion) in zip(STRIDES, chosen, strict=True):
        middle = before * expansion
        layers += [nn.Conv2d(before, middle, 1, bias=False), nn.BatchNorm2d(middle), nn.ReLU()]
        layers += [nn.Conv2d(middle, middle, 3, stride, 1, groups=middle, bias=False), nn.BatchNorm2d(middle)]
        layers += [nn.ReLU(), nn.Conv2d(middle, width, 1, bias=False), nn.BatchNorm2d(width)]
        before = width
    return layers


class _Empty(types.ModuleType):
    """A module whose every name is an empty class, or another such module."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return sys.modules.get(f"{self.__name__}.{name}") or type(name, (), {})


def compare(title: str, found: dict[str, Step], rounds: int) -> None:
    """Interleaved times, and ratios to the twin's."""
    source = random.Random(0)
    times_s: dict[str, list[float]] = {name: [] for name in found}
    for step in found.values():
        step()
    for _ in range(rounds):
        for name in source.sample(list(found), len(found)):
            begin = time.process_time()
            found[name]()
            times_s[name].append(time.process_time() - begin)
    for name, used in times_s.items():
        twin = times_s[f"{name.split(',')[0]}, twin"]
        low, middle, high = statistics.quantiles([a / b for a, b in zip(used, twin, strict=True)], n=4)
        print(
            f"  {title:<14} {name:<24} {statistics.median(used) * 1e3:8.1f} ms"
            f"  x {middle:.3f} ({low:.3f} to {high:.3f})",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=96, help="side in pixels")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0, help="of the architecture")
    parser.add_argument("--write", action="store_true", help="write results/other_supernets.txt")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    chosen = architecture(arguments.seed)
    images = torch.randn(arguments.batch, 3, arguments.size, arguments.size)
    tools = {"tsdsl": ("tsdsl", tsdsl_steps), "once-for-all": ("ofa", once_for_all_steps), "NNI": ("nni", nni_steps)}
    with recorded("other_supernets", arguments.write):
        print(f"{arguments.batch} images of {arguments.size} px, {arguments.rounds} rounds, one thread")
        for title, (package, make) in tools.items():
            if importlib.util.find_spec(package) is None:
                print(f"  {title}: not installed")
                continue
            print(f"  {title} {version(package)}")
            compare(title, make(chosen, images), arguments.rounds)


if __name__ == "__main__":
    main()
