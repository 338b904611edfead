"""Training and evaluation on real video files, from the first decoded frame to the reported accuracy."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from support.memory_clips import tiny_space
from tsdsl.data import ClipLoader, DemoSettings, open_dataset, write_demo
from tsdsl.data.loading.order import epoch_order
from tsdsl.engine.evaluation.evaluate import evaluate
from tsdsl.engine.recipe import TrainSettings
from tsdsl.engine.runs.directory import RunDirectory
from tsdsl.engine.training.train import train
from tsdsl.engine.training_data import open_training_data
from tsdsl.errors import UsageError
from tsdsl.lowering.model import Model
from tsdsl.lowering.weights import load_weights, read_weights_architecture
from tsdsl.network.layout import Blueprint
from tsdsl.space.architecture import Architecture

SETTINGS = TrainSettings(epochs=2, batch_size=4, precise_norm_batches=2, evaluate_every_epochs=1)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four classes of three tiny clips, one of which is truncated."""
    root = tmp_path_factory.mktemp("demo") / "clips"
    write_demo(
        root,
        DemoSettings(
            num_textures=1,
            train_clips_per_class=3,
            val_clips_per_class=2,
            side_px=32,
            num_frames=8,
            cell_px=2,
        ),
    )
    victim = sorted((root / "train").rglob("*.mp4"))[0]
    victim.write_bytes(victim.read_bytes()[:200])
    return root


def test_training_takes_classes_equally_often_where_it_is_asked_to(demo: Path, tmp_path: Path) -> None:
    root = tmp_path / "few"
    shutil.copytree(demo, root)
    for path in sorted((root / "train").glob("*/*.mp4"))[1:3]:  # of the first class, whose first clip is truncated
        path.unlink()
    network = Blueprint(replace(tiny_space(), size=32, classes=4)).network({})

    def counts(settings: TrainSettings) -> list[int]:
        data = open_training_data(root, network, settings.model_copy(update={"batch_size": 10}), cache=True)
        assert isinstance(data.training, ClipLoader)
        order = epoch_order(data.training.dataset.records, data.training.class_sampling, settings.seed, 0)
        return [data.training.dataset.records[index].label for index, _ in order]

    natural, balanced = counts(SETTINGS), counts(SETTINGS.model_copy(update={"class_sampling": "balanced"}))
    assert [natural.count(label) for label in range(4)] == [1, 3, 3, 3]
    assert sorted(balanced.count(label) for label in range(4)) == [2, 2, 3, 3]


def test_a_model_is_trained_and_evaluated_on_files(demo: Path, tmp_path: Path) -> None:
    space = replace(tiny_space(), size=32, classes=4)
    architecture = Architecture(space=space.name, fingerprint=space.fingerprint, decisions={})
    blueprint = Blueprint(space)
    network = blueprint.network({})
    data = open_training_data(demo, network, SETTINGS, cache=True)
    result = train(blueprint, architecture, data, SETTINGS, RunDirectory(tmp_path / "run"))
    assert result.iterations == 2 * 3
    assert [Path(path).name for path in result.skipped] == ["000.mp4"]
    weights = tmp_path / "run" / result.weights
    assert read_weights_architecture(weights) == architecture
    model = Model(network)
    load_weights(weights, model)
    validation = open_dataset(demo, "val")
    once = evaluate(model, validation, "1x1")
    assert (once.num_videos, once.top1) == (8, result.val_top1)
    assert once.flops_per_view == result.flops
    thrice = evaluate(model, validation, "2x3")
    assert (thrice.views, thrice.flops_per_video) == (6, 6 * thrice.flops_per_view)
    assert all(sum(prediction.scores) == pytest.approx(1.0) for prediction in thrice.predictions)


def test_a_network_for_other_classes_is_refused(demo: Path) -> None:
    with pytest.raises(UsageError, match=r"expected the 3 classes .*got 4"):
        open_training_data(demo, Blueprint(tiny_space()).network({}), SETTINGS)


def test_a_choice_of_classes_is_the_same_in_both_splits(demo: Path) -> None:
    network = Blueprint(tiny_space()).network({})
    data = open_training_data(demo, network, SETTINGS, num_classes=3)
    assert data.validation is not None
    assert data.training.dataset.class_names == data.validation.dataset.class_names
    assert len(data.training.dataset.class_names) == 3
