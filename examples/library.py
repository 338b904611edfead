"""Every function of the library, in the order of a project: facts, search, training, evaluation, export, pictures.

`python examples/library.py FOLDER` runs it in half a minute on generated clips, which are too few to learn from.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import torch

import tsdsl
from tsdsl.data import DemoSettings, write_demo


class Printed(tsdsl.Callback):
    """Prints the loss; a tracker of one's own begins like this."""

    def log(self, run: Path, iteration: int, values: Mapping[str, float | int]) -> None:
        """Print one line of metrics."""
        print(f"{run.name} {iteration}: {dict(values)}")


def main(folder: Path) -> None:
    """Do everything in a folder."""
    print(f"tsdsl {tsdsl.__version__}")
    clips = folder / "clips"
    write_demo(clips, DemoSettings(num_textures=2, train_clips_per_class=4, val_clips_per_class=1, num_frames=16))

    space: tsdsl.Space = tsdsl.load("std:tiny")
    bounds = space.bounds("flops", step=1)
    budget = space.within("8MFLOPs", step=1)
    print(f"{space.count(step=1):,} architectures of {bounds.least:,} to {bounds.most:,} FLOPs")
    print(f"{budget.share:.1%} of them are within {budget.flops:,} FLOPs, never with {dict(budget.never)}")
    architecture: tsdsl.Architecture = next(space.sample(within="6M..8M", step=1, seed=1))
    print(space.cost(architecture))

    network = tsdsl.model(space, architecture, classes=8)
    supernet = tsdsl.supernet(space, classes=8)
    batch = torch.zeros(2, 3, network.network.frames, space.size, space.size)
    print(network(batch).shape, supernet(batch, architecture).shape)

    few = {"epochs": 1, "batch_size": 8, "samples": 4, "recalibration_batches": 1}
    searched: tsdsl.SearchRun = tsdsl.search(
        space, step=1, data=clips, run=folder / "run", settings=few, callbacks=[Printed()]
    )
    print(searched.result.accuracy, len(searched.front().points))
    trained: tsdsl.TrainingRun = tsdsl.train(
        searched,
        data=clips,
        run=folder / "run" / "train",
        settings={"epochs": 1, "batch_size": 8, "precise_norm_batches": 1},
    )
    print(trained.result.train_loss, tsdsl.evaluate(trained, views="1x1").top1)
    for video in tsdsl.predict(trained, clips / "val", views="1x1", top=1).videos:
        print(video.video, video.best[0].name, f"{video.best[0].score:.1%}")

    exported = tsdsl.export(trained, folder / "model.py")
    again = tsdsl.load_model(trained.path)
    print(exported.path, f"{exported.difference:.2g}", sum(one.numel() for one in again.parameters()))

    pictures: list[tsdsl.Picture] = [
        tsdsl.render(space),
        tsdsl.render(searched, view="figure"),
        searched.landscape(),
        trained.curves(),
    ]
    for number, picture in enumerate(pictures):
        print(picture.title, picture.save(folder / f"{number}.svg"))
    print(tsdsl.diff(space, "std:auto_tsnet").breaks.keys())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
