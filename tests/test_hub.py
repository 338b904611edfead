"""A trained model as a folder for the Hugging Face Hub, and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import tsdsl
from support.memory_clips import memory_data, tiny_architecture, tiny_blueprint
from tsdsl.cli.main import run
from tsdsl.engine.recipe import TrainSettings
from tsdsl.engine.training.train import train
from tsdsl.errors import FileError


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training run of a space without decisions."""
    folder = tmp_path_factory.mktemp("hub") / "run"
    settings = TrainSettings(epochs=1, batch_size=4, learning_rate=0.1, precise_norm_batches=1)
    train(tiny_blueprint(), tiny_architecture(), memory_data(), settings, folder)
    return folder


def test_the_model_comes_back_with_the_same_scores(trained: Path, tmp_path: Path) -> None:
    hub = tmp_path / "hub"
    assert run(["export", str(trained), "--hub", str(hub)]) == 0
    assert {path.name for path in hub.iterdir()} == {
        "README.md",
        "architecture.svg",
        "config.json",
        "model.safetensors",
    }
    again, model = tsdsl.load_model(hub), tsdsl.load_model(trained)
    network = model.network
    clips = torch.randn(2, 3, network.frames, network.size, network.size, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(again(clips), model(clips), rtol=0, atol=0)
    assert not again.training


def test_the_card_has_a_header_that_the_hub_reads_and_the_costs(trained: Path, tmp_path: Path) -> None:
    from tsdsl.library.hub import export_hub

    text = (export_hub(trained, tmp_path / "hub") / "README.md").read_text()
    _, header, body = text.split("---\n", 2)
    fields = {name: json.loads(value) for name, value in (line.split(": ", 1) for line in header.splitlines())}
    assert (fields["library_name"], fields["pipeline_tag"]) == ("tsdsl", "video-classification")
    parameters = sum(one.numel() for one in tsdsl.load_model(trained).parameters())
    assert f"| parameters | {parameters:,} |" in body
    assert "![its architecture](architecture.svg)" in body


def test_files_are_overwritten_only_by_force(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", str(trained), "--hub", str(tmp_path)]) == 0
    assert run(["export", str(trained), "--hub", str(tmp_path)]) == 3
    assert "--force" in capsys.readouterr().err
    assert run(["export", str(trained), "--hub", str(tmp_path), "--force"]) == 0
    assert run(["export", str(trained), "--hub", str(tmp_path), "-o", "model.py"]) == 2


@pytest.mark.parametrize("damage", ["{}", "[", '{"space": {"name": 1}}'])
def test_a_damaged_configuration_is_reported(damage: str, trained: Path, tmp_path: Path) -> None:
    assert run(["export", str(trained), "--hub", str(tmp_path)]) == 0
    (tmp_path / "config.json").write_text(damage)
    with pytest.raises(FileError, match=r"config\.json"):
        tsdsl.load_model(tmp_path)


def test_another_architecture_in_the_configuration_is_reported(trained: Path, tmp_path: Path) -> None:
    assert run(["export", str(trained), "--hub", str(tmp_path)]) == 0
    config = json.loads((tmp_path / "config.json").read_text())
    config["architecture"]["decisions"] = {"a.b": 1}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(FileError, match="no architecture of its space"):
        tsdsl.load_model(tmp_path)
