"""Functions that take a path take its text as well."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

import tsdsl
import tsdsl.data
import tsdsl.drawing
import tsdsl.engine.training.train
import tsdsl.lowering
from support.memory_clips import memory_data, tiny_architecture, tiny_blueprint
from support.search_spaces import TINY, load_text
from tsdsl.artifacts.trained import open_trained
from tsdsl.data import DemoSettings, available_splits, decode_frames, open_dataset, probe, select_classes, write_demo
from tsdsl.engine.evaluation.predictions import write_confusion
from tsdsl.engine.recipe import TrainSettings
from tsdsl.engine.runs.catalogue import find_runs, read_run
from tsdsl.engine.runs.directory import RunDirectory
from tsdsl.engine.runs.metrics import read_metrics
from tsdsl.engine.training.train import train
from tsdsl.lowering.weights import file_hash, load_weights, read_tensors, save_model
from tsdsl.searching import DataSettings, SearchSettings, read_alpha, recorded_settings, search
from tsdsl.searching.front import finished_step, step_front
from tsdsl.space.architecture import read_architecture

PUBLIC = (tsdsl, tsdsl.data, tsdsl.lowering, tsdsl.drawing, tsdsl.searching, tsdsl.engine.training.train)


def parameters() -> Iterator[tuple[str, str, str]]:
    """Every parameter of a public function whose type is written with Path."""
    for module in PUBLIC:
        for name in getattr(module, "__all__", ["train"]):
            function: Any = getattr(module, name)
            if inspect.isfunction(function):
                for parameter in inspect.signature(function).parameters.values():
                    if "Path" in str(parameter.annotation):
                        yield f"{module.__name__}.{name}", parameter.name, str(parameter.annotation)


def test_each_path_of_a_public_function_may_be_a_string() -> None:
    found = list(parameters())
    assert {"tsdsl.load", "tsdsl.data.open_dataset", "tsdsl.drawing.write_picture"} <= {name for name, *_ in found}
    assert [one for one in found if "str" not in one[2]] == []


@dataclass
class Searched:
    """A finished step, found by names without a Path."""

    space: tsdsl.Space
    run: str


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    folder = str(tmp_path_factory.mktemp("strings"))
    clips, run = f"{folder}/clips", f"{folder}/run"
    demo = DemoSettings(num_textures=2, train_clips_per_class=4, val_clips_per_class=1, num_frames=8)
    assert write_demo(clips, demo).num_classes == open_dataset(clips, "train").num_classes
    assert available_splits(clips) == ("train", "val")
    video = str(open_dataset(clips, "val").records[0].path)
    assert decode_frames(video, indices=[0]).shape[1:] == (probe(video).height_px, probe(video).width_px, 3)
    assert select_classes(clips, f"{folder}/few", 2).root == Path(folder, "few")
    space = load_text(Path(folder), TINY)
    settings = SearchSettings(epochs=1, method="parsec", samples=2, batch_size=4, recalibration_batches=1)
    search(space, step=1, data=clips, run=run, settings=settings, data_settings=DataSettings(cache=True))
    return Searched(space, run)


def test_a_search_and_what_reads_it(searched: Searched) -> None:
    run, space = searched.run, searched.space
    assert read_architecture(f"{run}/step1/architecture.json", space).step == 1
    assert len(read_alpha(f"{run}/step1", space)) == 2
    assert recorded_settings(run, space, 1) is not None
    assert finished_step(run, None) == 1
    assert step_front(run, space, 1).points
    assert read_run(run).kind == "search"
    runs, damaged = find_runs(run)
    assert [str(one.path) for one in runs] == [run]
    assert damaged == []
    # The same data, given again, are recognised as those of the run.
    again = search(space, step=1, data=f"{Path(run).parent}/clips", run=run)
    assert str(again.architecture) == f"{run}/step1/architecture.json"


def test_a_training_and_what_reads_it(tmp_path: Path) -> None:
    run = f"{tmp_path}/run"
    settings = TrainSettings(epochs=1, batch_size=4, learning_rate=0.1, precise_norm_batches=1)
    train(tiny_blueprint(), tiny_architecture(), memory_data(), settings, run)
    assert read_metrics(run)
    weights = f"{run}/weights.safetensors"
    assert file_hash(weights) == file_hash(Path(weights))
    model = open_trained(run, None, None, None).model
    torch.testing.assert_close(dict(model.state_dict()), read_tensors(weights))
    fine_tuned = f"{tmp_path}/fine_tuned"
    train(tiny_blueprint(), tiny_architecture(), memory_data(), settings, fine_tuned, begin_with=weights)
    assert RunDirectory(fine_tuned).weights.is_file()
    copy = f"{tmp_path}/copy.safetensors"
    save_model(copy, model)
    load_weights(copy, model)


def test_pictures_and_tables(tmp_path: Path, tiny: tsdsl.Space) -> None:
    tsdsl.drawing.write_picture(tsdsl.drawing.draw_space(tiny), f"{tmp_path}/space.svg")
    assert (tmp_path / "space.svg").read_text().startswith("<svg")
    write_confusion(f"{tmp_path}/confusion.csv", {"a": {"a": 1}}, ["a"])
    assert (tmp_path / "confusion.csv").read_text().splitlines()[-1] == "a,1"
