"""A run knows its classes by name: evaluation, fine-tuning, export and search go by them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from support.trained_models import CLASSES, renamed, train, write_inputs
from tsdsl.cli.main import run
from tsdsl.engine.runs.sealed import read_sealed, write_sealed
from tsdsl.lowering.weights import CLASSIFIER_BIAS, read_class_names, read_tensors, save_tensors

DOWN, LEFT, RIGHT, UP = CLASSES


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classes")
    write_inputs(folder)
    assert train(folder, "trained") == 0
    return folder


def evaluated(folder: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[dict[str, Any], str]:
    """The evaluation of the run as JSON, and the messages on stderr."""
    capsys.readouterr()
    assert run(["eval", str(folder / "trained"), "--views", "1x1", "--device", "cpu", "-q", "--json", *more]) == 0
    printed = capsys.readouterr()
    return json.loads(printed.out), printed.err


def without_names(path: Path, copy: Path) -> Path:
    """The weights as versions wrote them that did not record classes."""
    save_tensors(copy, read_tensors(path), {"format": "pt"})
    return copy


def test_run_and_weights_record_the_names_in_the_order_of_the_scores(folder: Path) -> None:
    assert read_class_names(folder / "trained" / "weights.safetensors") == CLASSES
    assert read_class_names(folder / "trained" / "best.safetensors") == CLASSES
    settings = json.loads((folder / "trained" / "settings.json").read_text())["settings"]
    assert settings["class_names"] == list(CLASSES)


def test_other_classes_are_refused_and_none_is_scored(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = renamed(folder, "other", {LEFT: "backwards", UP: None})
    assert run(["eval", str(folder / "trained"), "--data", str(other), "--views", "1x1", "-q"]) == 2
    told = capsys.readouterr().err
    assert "was not trained on 1 of the 3 classes: 'backwards'" in told
    assert f"lacks: '{LEFT}', '{UP}'" in told


def test_the_same_classes_in_another_order_score_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole, told = evaluated(folder, capsys)
    assert "matched" not in told
    upper = renamed(folder, "upper", {DOWN: "texture00_Down", LEFT: "Texture00-left"})  # sorted before the others
    again, told = evaluated(folder, capsys, "--data", str(upper))
    assert "classes are matched by name" in told
    assert again["top1"] == whole["top1"]
    assert again["per_class"] == whole["per_class"]


def test_some_of_the_classes_are_scored_with_a_word(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    some = renamed(folder, "some", {DOWN: None})
    found, told = evaluated(folder, capsys, "--data", str(some))
    assert f"lacks 1 of the 4 classes of the model, which it may still predict: '{DOWN}'" in told
    assert found["per_class"][DOWN] is None
    assert found["num_videos"] == 3


def test_weights_without_names_still_work_and_say_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = without_names(folder / "trained" / "weights.safetensors", folder / "old.safetensors")
    found, told = evaluated(folder, capsys, "--weights", str(old))
    assert found["num_videos"] == 4
    assert "the weights do not name their classes, so classes are matched by number" in told


def test_a_run_of_a_version_without_names_goes_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(folder, "before") == 0
    settings = folder / "before" / "settings.json"
    content = read_sealed(settings, "")
    del content["settings"]["class_names"]
    write_sealed(settings, content)
    (folder / "before" / "result.json").unlink()
    assert train(folder, "before") == 0
    assert "class_names" not in capsys.readouterr().err


def test_a_run_does_not_go_on_with_a_class_of_another_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = renamed(folder, "moving", {})
    assert train(folder, "moved", data="moving") == 0
    for split in ("train", "val"):
        (data / split / UP).rename(data / split / "texture00_upwards")
    assert train(folder, "moved", data="moving") == 2
    assert f"class_names[3] is 'texture00_upwards', was '{UP}'" in capsys.readouterr().err


def test_the_number_of_classes_is_told_only_where_the_space_has_another(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(folder, "trained") == 0
    assert "the space plain" not in capsys.readouterr().err
    renamed(folder, "fewer", {DOWN: None})
    assert train(folder, "less", data="fewer") == 0
    told = capsys.readouterr().err
    assert f"{folder / 'fewer'}: has 3 classes, the space plain 4: models have 3" in told
    assert "`classes = 3` in the space makes them agree" in told


def test_fine_tuning_takes_over_the_classifier_by_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    renamed(folder, "tuning", {DOWN: "zoom", LEFT: None})
    weights = folder / "trained" / "weights.safetensors"
    before = read_tensors(weights)[CLASSIFIER_BIAS]
    still = ["--weights", str(weights), "--set", "learning_rate=1e-30", "--batch-size", "2"]
    assert train(folder, "tuned", *still, data="tuning") == 0
    after = read_tensors(folder / "tuned" / "weights.safetensors")[CLASSIFIER_BIAS]
    assert read_class_names(folder / "tuned" / "weights.safetensors") == (RIGHT, UP, "zoom")
    assert torch.equal(after[:2], before[2:])
    assert "does not know 1 of the 3 classes, whose classifier begins anew: 'zoom'" in capsys.readouterr().err


def test_export_has_the_labels_without_the_data_set(folder: Path, tmp_path: Path) -> None:
    renamed(folder, "lost", {})
    assert train(folder, "kept", data="lost") == 0
    (folder / "lost").rename(folder / "elsewhere")
    assert run(["export", str(folder / "kept"), "-o", str(tmp_path / "model.py")]) == 0
    assert f'"{LEFT}"' in (tmp_path / "model.py").read_text()
    assert read_class_names(tmp_path / "model.safetensors") == CLASSES
