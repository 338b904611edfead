"""Spaces without decisions are networks: trained, evaluated, exported and drawn as they are, from given weights too."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from support.video_files import write_video
from tsdsl.cli.main import run
from tsdsl.data import DemoSettings, write_demo

NET = """tsspace 1

space net {
  classes = 8
  size    = 16

  stream rgb {
    frames = 4
    stage 0 { group x3d_stem(t = 3, channels = 4, stride = 2) }
    stage 1 { group bottleneck3d(t = 3, channels = 8, stride = 2) * 1 }
  }
  head { kind = pooled }

  model M { depth = 2x }
}

space other from net {
  classes = 5
}
"""
BRIEF = ["--epochs", "1", "--batch-size", "4", "-q", "--set", "precise_norm_batches=2"]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Demo clips of 8 and of 4 classes."""
    folder = tmp_path_factory.mktemp("demo")
    for textures in (1, 2):
        settings = DemoSettings(num_textures=textures, train_clips_per_class=1, val_clips_per_class=1)
        write_demo(folder / str(4 * textures), settings)
    return {4: folder / "4", 8: folder / "8"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.tsspace").write_text(NET)
    return tmp_path


def test_a_network_is_trained_evaluated_exported_and_drawn(
    folder: Path, clips: dict[int, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--data", str(clips[8])]
    assert run(["train", "net.tsspace", "--model", "M", *data, *BRIEF]) == 0
    trained = Path("runs/net/train-M/weights.safetensors")
    assert "rgb.stage1.group1.block1.conv.weight" in load_file(trained)
    views = ["--views", "1x1", "-q"]
    assert run(["eval", "net.tsspace", "--model", "M", "--weights", str(trained), *data, *views]) == 0
    assert run(["export", "net.tsspace", "--model", "M", "--weights", str(trained), "-o", "net.py"]) == 0
    assert run(["render", "net.tsspace", "--model", "M", "-o", "net.svg"]) == 0
    assert "bottleneck3d x 2" in Path("net.svg").read_text()
    assert run(["render", "net.tsspace", "--view", "figure", "-o", "figure.svg"]) == 0
    capsys.readouterr()
    assert run(["train", "net.tsspace", "--space", "third", *data, *BRIEF]) == 2
    assert "has no space third" in capsys.readouterr().err
    assert run(["train", "std:tiny", *data, *BRIEF]) == 2
    assert "decisions" in capsys.readouterr().err


def test_training_begins_with_given_weights_and_a_classifier_of_its_own(
    folder: Path, clips: dict[int, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["train", "net.tsspace", "--data", str(clips[8]), *BRIEF]) == 0
    begun = Path("runs/net/train/weights.safetensors")
    still = ["--set", "learning_rate=1e-30", *BRIEF]
    tuned = ["train", "net.tsspace", "--data", str(clips[4]), "--weights", str(begun), "--run", "tuned", *still]
    code = run(tuned)
    assert code == 0, capsys.readouterr().err
    before, after = load_file(begun), load_file(Path("tuned/weights.safetensors"))
    assert torch.equal(before["rgb.stage1.group1.block0.conv.weight"], after["rgb.stage1.group1.block0.conv.weight"])
    assert after["head.classifier.classifier.bias"].shape == (4,)
    capsys.readouterr()
    without = [word for word in tuned if word not in ("--weights", str(begun))]
    assert run(without) == 2
    assert "began_with" in capsys.readouterr().err
    misfit = ["train", "net.tsspace", "--model", "M", "--data", str(clips[4]), "--weights", str(begun), *BRIEF]
    assert run(misfit) == 3
    assert "does not fit the model: missing rgb.stage1.group1.block1" in capsys.readouterr().err


@pytest.mark.skipif(
    importlib.util.find_spec("pytorchvideo") is None,
    reason='pytorchvideo is not installed: pip install -e ".[reference]"',
)
def test_published_weights_are_taken_over_by_command(
    folder: Path, capsys: pytest.CaptureFixture[str], x3d_s: dict[str, torch.Tensor]
) -> None:
    torch.save({"model_state": x3d_s}, "x3d_s.pyth")
    assert run(["weights", "import", "x3d_s.pyth", "std:x3d", "--model", "S"]) == 0
    assert "wrote x3d_s.safetensors" in capsys.readouterr().err
    stem = load_file("x3d_s.safetensors")["rgb.stage0.group1.block0.spatial.weight"]
    assert torch.equal(stem, x3d_s["blocks.0.conv.conv_t.weight"])
    assert run(["weights", "import", "x3d_s.pyth", "std:x3d", "--model", "S"]) == 3
    assert "already exists" in capsys.readouterr().err
    assert run(["weights", "import", "x3d_s.pyth", "std:x3d", "--force"]) == 3
    assert "x3d_s.pyth: blocks" in capsys.readouterr().err
    assert run(["weights", "import", "x3d_s.pyth", "std:tiny", "--force"]) == 2
    assert "decisions" in capsys.readouterr().err


def test_train_and_search_warn_of_what_is_unusual_about_the_data(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "clips/train/run").mkdir(parents=True)
    for number in range(4):
        write_video(folder / f"clips/train/run/{number}.mp4", 20)
    run(["search", "net.tsspace", "--data", "clips", "-q"])
    searched = capsys.readouterr().err
    assert "warning: clips: has one class only, 'run'" in searched
    assert "no validation split" not in searched
    assert "clips: has 1 classes, the space net " in searched
    assert run(["train", "net.tsspace", "--data", "clips", *BRIEF]) == 0
    trained = capsys.readouterr().err
    assert "warning: clips: has one class only, 'run'" in trained
    assert "clips: has 1 classes, the space net " in trained
    assert "warning: clips: has no validation split" in trained
    (folder / "clips/train.csv").write_text("train/run/0.mp4 0\ntrain/run/1.mp4 0\n")
    (folder / "clips/val.csv").write_text("train/run/1.mp4 0\n")
    assert run(["train", "net.tsspace", "--data", "clips", "--run", "again", *BRIEF]) == 0
    assert "warning: clips: 1 clips are in both train and val" in capsys.readouterr().err
