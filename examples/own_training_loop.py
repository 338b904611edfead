"""Trains a supernet in a custom loop, then extracts one architecture.

Each step draws two uniform architectures and weights their gradients by their fit to the batch. The clips are random
noise whose brightness depends on the class, so the program ends in seconds; replace them by a data loader.

    python examples/own_training_loop.py
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

import tsdsl
from tsdsl.lowering import Supernet, WeightedGradients, extract, recalibrate, save_model
from tsdsl.network.layout import Blueprint
from tsdsl.space.decided import canonical
from tsdsl.space.model import Space
from tsdsl.space.parts import Value

SPACE = """tsspace 1
space two_streams {
  classes = 4
  size = 16
  stream sparse {
    frames = 2
    stage 0 { group conv3d(kernel = 1x3x3, channels = 8, stride = 2) }
    stage 1 { group mbconv3d(t = {1, 3}, k = {3, 5}, expansion = {1.5, 3.0}, channels = 8 .. 24 by 8, stride = 2) }
  }
  stream dense {
    frames = 4
    stage 0 { group conv3d(kernel = 3x3x3, channels = 4, stride = 2) }
    stage 1 { group mbconv3d(t = {3, 5}, k = 3, expansion = 2.0, channels = {4, 8}, stride = 2) }
  }
  fusion dense -> sparse {
    after = stage[0].group[*]
    op = {none, time_strided_conv, time_to_channel}
    merge = concat
  }
  head { features = 32 dropout = 0.0 }
}
"""


def drawn(space: Space, source: random.Random) -> dict[str, Value]:
    """An architecture with every decision drawn by itself."""
    return canonical(space, {d.path: source.choice(d.values) for d in space.decisions})


def batch(size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Noise clips (batch x 3 x 4 x 16 x 16) whose brightness tells the class."""
    labels = torch.randint(0, 4, (size,), generator=generator)
    noise = torch.randn(size, 3, 4, 16, 16, generator=generator)
    return noise + labels.view(-1, 1, 1, 1, 1), labels


def main(steps: int, out: Path) -> float:
    """Train, extract, recalibrate and save; return the accuracy of the extracted model."""
    path = out / "two_streams.tsspace"
    path.write_text(SPACE, encoding="utf-8")
    space = tsdsl.load(path)
    supernet = Supernet(Blueprint(space), seed=0)
    optimiser = torch.optim.SGD(supernet.parameters(), lr=0.1, momentum=0.9)
    source, generator = random.Random(0), torch.Generator().manual_seed(0)

    for step in range(steps):
        clips, labels = batch(16, generator)
        optimiser.zero_grad()
        gradients = WeightedGradients(supernet)
        losses = []
        for _ in range(2):
            leaves = supernet.leaves(drawn(space, source))
            loss = F.cross_entropy(supernet.run(clips, leaves), labels)
            loss.backward()
            gradients.add(leaves, score=-loss.item())
            losses.append(loss.item())
        weights = gradients.finish()
        optimiser.step()
        if step % 10 == 0:
            print(f"step {step:3}  losses {losses[0]:.3f} {losses[1]:.3f}  weights {weights[0]:.2f} {weights[1]:.2f}")

    model = extract(supernet, drawn(space, source))
    recalibrate(model, (batch(16, generator)[0] for _ in range(8)))
    model.eval()
    clips, labels = batch(64, generator)
    with torch.no_grad():
        accuracy = (model(clips).argmax(1) == labels).float().mean().item()
    save_model(out / "two_streams.safetensors", model)
    print(f"accuracy {accuracy:.2f}; {model.cost.macs:,} multiply-adds a clip, {model.cost.params:,} parameters")
    return accuracy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--out", type=Path, default=None, help="folder for the weights; a temporary one unless given")
    arguments = parser.parse_args()
    if arguments.out is not None:
        arguments.out.mkdir(parents=True, exist_ok=True)
        main(arguments.steps, arguments.out)
    else:
        with tempfile.TemporaryDirectory() as folder:
            main(arguments.steps, Path(folder))
