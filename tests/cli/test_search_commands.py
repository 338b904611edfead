"""search, train, eval, export, verify and render on real clips, as typed one after the other."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tsdsl.cli.main import run
from tsdsl.data import DemoSettings, write_demo
from tsdsl.exporting.pt2 import read_pt2

MICRO = """tsspace 1

space micro {
  classes = 8
  size    = 16

  stream sparse {
    frames = 4
    stage 0 { group conv3d(kernel = 1x3x3, channels = 8, stride = 2) }
    stage 1 { group mbconv3d(t = 1, k = {3, 5}, expansion = {1, 2}, channels = {8, 16}, stride = 2) }
  }
  stream dense {
    frames = 16
    stage 0 { group conv3d(kernel = 1x3x3, channels = 4, stride = 2) }
    stage 1 { group mbconv3d(t = {1, 3}, k = 3, expansion = 1, channels = 4, stride = 2) }
  }
  fusion dense -> sparse {
    after = stage[0].group[1]
    op    = {none, time_strided_conv, time_to_channel}
  }
  attention sparse {
    after = stage[1].group[1]
    op    = {none, glore(nodes = {4, 8}), se}
  }
  head { features = 16 }

  step 1 "sparse" {
    search = sparse
    target = 170 KFLOPs
    epochs = 1
  }
  step 2 "dense and fusion" {
    search = dense, fusion
    target = 900 KFLOPs
    epochs = 1
  }
  step 3 "attention" {
    search = attention
    target = 900 KFLOPs
    epochs = 1
  }

  model L { size = 24  depth = 2x }
}
"""
BRIEF = ["--epochs", "1", "--batch-size", "4", "-q", "--set", "precise_norm_batches=2"]
FAST = ["--samples", "2", "--batch-size", "4", "-q", "--set", "recalibration_batches=1"]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "clips"
    write_demo(folder, DemoSettings(num_textures=2, train_clips_per_class=4, val_clips_per_class=2))
    return folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "micro.tsspace").write_text(MICRO)
    return tmp_path


def test_the_whole_road_as_typed(folder: Path, clips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compile", "micro.tsspace"]) == 0
    assert run(["search", "--step", "2", "--data", str(clips), *FAST]) == 2
    assert "tsdsl search --step 1" in capsys.readouterr().err
    assert run(["search", "--step", "1", "--data", str(clips), *FAST]) == 0
    assert run(["search", "--step", "2", "-q"]) == 0
    capsys.readouterr()
    assert run(["search", "--step", "3", "-q", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert {"step", "architecture", "flops", "entropy", "seconds", "samples"} <= set(result)
    assert result["flops"] <= 900_000
    first = json.loads(Path("runs/micro/step1/architecture.json").read_text())["decisions"]
    last = json.loads(Path(result["architecture"]).read_text())
    assert {path: last["decisions"][path] for path in first} == first
    assert [record["step"] for record in last["lineage"]] == [1, 2, 3]
    assert run(["front", "runs/micro", "--json"]) == 0
    front = json.loads(capsys.readouterr().out)
    within = [point["score"] for point in front["points"] if point["flops"] <= 900_000]
    (own,) = [one["score"] for one in result["top"] if one["decisions"].items() <= last["decisions"].items()]
    assert within[-1] == pytest.approx(own, abs=1e-6)
    assert run(["front", "runs/micro", "--step", "1", "-n", "2"]) == 0
    assert "by score above the average" in capsys.readouterr().out
    assert run(["front", "runs/micro", "--step", "joint"]) == 3
    assert "finished steps: 1, 2, 3" in capsys.readouterr().err
    assert run(["rank", "runs/micro", "--step", "1", "-n", "3", *BRIEF]) == 0
    assert "3 architectures trained" in capsys.readouterr().out

    assert run(["render"]) == 0
    assert Path("runs/micro/architecture.svg").exists()
    assert run(["verify", "runs/micro"]) == 0
    assert run(["render", "--view", "alpha"]) == 0
    assert "micro: step 3: attention" in Path("runs/micro/step3/alpha.svg").read_text()
    assert run(["render", "runs/micro", "--view", "alpha", "--step", "1", "--epoch", "0", "-o", "a.png"]) == 0
    assert Path("a.png").read_bytes().startswith(b"\x89PNG")
    capsys.readouterr()
    assert run(["render", "runs/micro", "--view", "alpha", "--epoch", "7"]) == 2
    assert "its epochs are 0 to 1" in capsys.readouterr().err
    capsys.readouterr()
    assert run(["render", "runs/micro", "--view", "alpha", "--in", "std:tiny"]) == 3
    assert "was not searched in tiny" in capsys.readouterr().err
    assert run(["render", "runs/micro", "--view", "alpha", "--step", "joint"]) == 3
    assert "searched steps: 1, 2, 3" in capsys.readouterr().err
    assert run(["train", "runs/micro", *BRIEF]) == 0
    assert run(["render", "runs/micro", "--view", "landscape"]) == 0
    assert ">train: " in Path("runs/micro/landscape.svg").read_text()
    capsys.readouterr()
    written = ["--predictions", "p.csv", "--confusion", "c.csv"]
    assert run(["eval", "runs/micro/train", "--views", "2x3", "--json", "-q", *written]) == 0
    evaluation = json.loads(capsys.readouterr().out)
    assert run(["render", "runs/micro/train", "--view", "landscape"]) == 0
    assert ">train, 2x3 views: " in Path("runs/micro/train/landscape.svg").read_text()
    assert run(["render", "--view", "landscape", "-o", "l.svg"]) == 0
    assert f"train, 2x3 views: {evaluation['top1']:.1%}" in Path("l.svg").read_text()
    assert run(["verify", "runs/micro"]) == 0
    assert evaluation["num_videos"] == 16
    assert sum(sum(row.values()) for row in evaluation["confusion"].values()) == 16
    assert len(Path("p.csv").read_text().splitlines()) == 17
    assert len(Path("c.csv").read_text().splitlines()) == 9
    assert run(["eval", "runs/micro/train", "--predictions", "p.txt"]) == 2
    capsys.readouterr()
    assert run(["eval", "runs/micro/train", "--views", "1x1", "-q"]) == 0
    assert "worst of 8 classes" in capsys.readouterr().out
    assert evaluation["flops_per_video"] == 6 * evaluation["flops_per_view"]
    check_weights(folder, capsys)
    assert run(["export", "runs/micro/train", "-o", "net.py"]) == 0
    assert run(["verify", "net.safetensors"]) == 0
    assert run(["verify", "net.py"]) == 0
    check_programs(capsys)
    code = (
        "import sys, torch, net; m = net.load('net.safetensors');"
        "print(tuple(m(torch.zeros(2, 3, net.FRAMES, net.SIZE, net.SIZE)).shape), len(net.LABELS),"
        " any(name.startswith('tsdsl') for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder)
    assert done.stdout.split() == ["(2,", "8)", "8", "False"]
    assert "Trained models" in Path("runs/micro/report.html").read_text()
    assert "tsdsl train runs/micro" in Path("runs/micro/train/report.html").read_text()
    assert run(["train", "runs/micro", "--model", "L", *BRIEF]) == 0
    assert run(["eval", "runs/micro/train-L", "--views", "1x1", "-q"]) == 0


def check_programs(capsys: pytest.CaptureFixture[str]) -> None:
    """A trained model as a program: what it expects is in the file, and a file that was changed is told."""
    import onnx

    for name in ("net.pt2", "net.onnx"):
        assert run(["export", "runs/micro/train", "-o", name]) == 0
        assert run(["verify", name]) == 0
    weights = ["--weights", "runs/micro/train/weights.safetensors"]
    capsys.readouterr()
    assert run(["verify", "net.onnx", *weights]) == 0
    assert "same scores as ours" in capsys.readouterr().out
    assert run(["verify", "net.onnx", "--weights", "net.safetensors"]) == 0
    assert run(["verify", "net.py", *weights]) == 2
    described, _ = read_pt2(Path("net.pt2"))
    assert described.texts.keys() == {"provenance", "preprocessing", "labels", "versions"}
    assert len(json.loads(described.texts["labels"])) == 8
    expected = json.loads(described.texts["preprocessing"])
    assert expected["sampling"]["interval_s"] == pytest.approx(1 / 30)
    assert [item["every"] for item in expected["streams"]] == [4, 1]
    proto = onnx.load("net.onnx")
    proto.graph.node[0].name = "changed"
    onnx.save(proto, "net.onnx")
    assert run(["verify", "net.onnx"]) == 1
    with zipfile.ZipFile("net.pt2", "a") as archive:
        archive.writestr("archive/extra/more.json", "{}")
    assert run(["verify", "net.pt2"]) == 1


def check_weights(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`verify` accepts the weights of the run, and tells those of other sizes from them."""
    from safetensors.torch import load_file, save_file

    trained, shared = Path("runs/micro/train/weights.safetensors"), Path("runs/micro/step3/weights.safetensors")
    for path in (trained, shared):
        assert run(["verify", str(path)]) == 0
        assert "has the tensors of" in capsys.readouterr().out
    tensors = load_file(shared)
    name = "sparse.stage0.group1.block0.conv.weight"
    tensors[name] = tensors[name][:-1].clone()
    save_file(tensors, folder / "cut.safetensors")
    assert run(["verify", "cut.safetensors", "--in", "micro.tsspace"]) == 1
    assert name in capsys.readouterr().out
    assert run(["verify", "cut.safetensors"]) == 2


def test_a_joint_search_decides_everything_at_once(
    folder: Path, clips: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["search", "micro.tsspace", "--step", "joint", "--data", str(clips), "--epochs", "1", *FAST]
    assert run([*command, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    decisions = json.loads(Path(result["architecture"]).read_text())["decisions"]
    assert {path.split(".")[0] for path in decisions} == {"sparse", "dense", "fusion", "attention"}


def test_a_search_may_draw_only_within_its_target(
    folder: Path, clips: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["search", "micro.tsspace", "--step", "1", "--data", str(clips), "--epochs", "1", *FAST]
    assert run([*command, "--budget", "condition", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["flops"] <= result["target"]
    assert run([*command, "--set", "budget=hinge"]) == 2
    assert "budget is 'hinge', was 'condition'" in capsys.readouterr().err


def test_a_settings_file_steers_a_search_and_training(
    folder: Path, clips: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "s.toml").write_text("samples = 3\nbatch_size = 4\nclasses = 4\nlog_iterations = 1\n[clip]\nrate = 3.0\n")
    flags = ["--step", "1", "--epochs", "1", "--samples", "2", "--set", "recalibration_batches=1"]
    assert run(["search", "micro.tsspace", "--data", str(clips), "--settings", "s.toml", *flags]) == 0
    assert "samples = 2 (--samples), batch_size = 4 (s.toml:2)" in capsys.readouterr().err.replace("\n", " ")
    recorded = json.loads(Path("runs/micro/step1/settings.json").read_text())["settings"]
    assert (recorded["samples"], recorded["batch_size"], recorded["clip"]["rate"]) == (2, 4, 3.0)
    assert recorded["clip"]["flip"] is False, "as the demo clips recommend"
    assert len(recorded["class_names"]) == recorded["num_classes"] == 4
    assert "--classes 4" in Path("runs/micro/report.html").read_text()
    assert len(Path("runs/micro/step1/metrics.jsonl").read_text().splitlines()) == 2
    (folder / "t.toml").write_text("epochs = 1\nbatch_size = 4\nprecise_norm_batches = 2\n[clip]\nrate = 3.0\n")
    command = ["train", "runs/micro/step1/architecture.json", "--in", "micro.tsspace", "--data", str(clips), "-q"]
    assert run([*command, "--settings", "t.toml"]) == 0
    assert "step 2 was not searched; the parts it adds are left out" in capsys.readouterr().err.replace("\n", " ")
    trained = json.loads(Path("runs/micro/step1/train/settings.json").read_text())["settings"]
    assert (trained["settings"]["epochs"], trained["data"]["clip"]["rate"]) == (1, 3.0)
    assert trained["data"]["clip"]["flip"] is False
    (folder / "e.toml").write_text('views = "2x1"\nclips_per_forward = 3\n[clip]\ntest_short_px = 20\n')
    capsys.readouterr()
    command = ["eval", "runs/micro/step1/train", "--settings", "e.toml", "--views", "1x3", "--json", "-q"]
    assert run(command) == 0
    evaluation = json.loads(capsys.readouterr().out)
    assert (evaluation["views"], evaluation["view_size_px"]) == (3, 20)
    assert evaluation["settings"]["clips_per_forward"] == 3
    assert evaluation["settings"]["clip"]["rate"] == 3.0, "clips are cut as in training"
    assert run(["eval"]) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["search", "micro.tsspace", "--step", "1"], 2, "--data"),
        (["search", "micro.tsspace", "--step", "7", "--data", "CLIPS"], 2, "1, 2, 3"),
        (["search", "micro.tsspace", "--step", "first", "--data", "CLIPS"], 2, "--step must be"),
        (["search", "micro.tsspace", "--step", "1", "--data", "nowhere"], 3, "nowhere"),
        (["search", "micro.tsspace", "--step", "1", "--data", "CLIPS", "--samples", "1"], 2, "2"),
        (["search", "micro.tsspace", "--step", "1", "--data", "CLIPS", "--device", "tpu"], 2, "tpu"),
        (["search", "micro.tsspace", "--step", "1", "--data", "CLIPS", "--set", "alpha=1"], 2, "alpha"),
        (["search", "micro.tsspace", "--step", "1", "--data", "CLIPS", "--set", "alpha_lr"], 2, "NAME=VALUE"),
        (["search", "micro.tsspace", "--step", "1", "--data", "CLIPS", "--budget", "soft"], 2, "budget: input"),
        (["search", "missing.tsspace", "--data", "CLIPS"], 3, "missing.tsspace"),
        (["train", "missing.json", "--data", "CLIPS"], 3, "missing.json"),
        (["train"], 2, "no architecture"),
        (["eval", "micro.tsspace", "--weights", "w.safetensors"], 2, "decisions"),
        (["export", "missing.json"], 3, "missing.json"),
        (["verify", "missing.json"], 3, "missing.json"),
    ],
)
def test_each_mistake_is_one_clear_message(
    folder: Path, clips: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    before = {path.name for path in folder.iterdir()}
    assert run([str(clips) if word == "CLIPS" else word for word in arguments]) == code
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert {path.name for path in folder.iterdir()} <= before | {"runs"}


def test_clips_that_do_not_decode_are_named_counted_and_skipped(
    folder: Path, clips: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    shutil.copytree(clips, folder / "damaged")
    bad = sorted((folder / "damaged" / "train").rglob("*.mp4"))[0]
    bad.write_bytes(b"not a video")
    command = ["search", "micro.tsspace", "--step", "1", "--data", "damaged", *FAST]
    assert run([*command, "--epochs", "2", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["skipped_clips"] == 1
    assert bad.name in captured.err
    for path in (folder / "damaged" / "train").rglob("*.mp4"):
        path.write_bytes(b"not a video")
    assert run([*command, "--run", "other"]) == 4


def test_an_architecture_of_a_changed_space_is_refused(
    folder: Path, clips: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sample", "micro.tsspace", "--json"]) == 0
    (folder / "a.json").write_text(capsys.readouterr().out)
    (folder / "micro.tsspace").write_text(MICRO.replace("channels = {8, 16}", "channels = {8, 24}"))
    assert run(["train", "a.json", "--in", "micro.tsspace", "--data", str(clips), "-q"]) == 3
    assert "fingerprint" in capsys.readouterr().err
    assert not (folder / "train").exists()


def test_pictures_of_an_architecture_and_of_what_differs_from_another(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in ("1", "2"):
        assert run(["sample", "micro.tsspace", "--seed", seed, "--json"]) == 0
        (folder / f"{seed}.json").write_text(capsys.readouterr().out)
    assert run(["render", "1.json", "--in", "micro.tsspace", "--view", "figure"]) == 0
    assert run(["render", "1.json", "--in", "micro.tsspace", "--view", "figure", "--theme", "dark", "-o", "d.pdf"]) == 0
    assert run(["render", "1.json", "--in", "micro.tsspace", "--view", "figure", "--against", "2.json"]) == 0
    assert (folder / "1-figure.svg").read_text().startswith("<svg")
    assert "1.json" in (folder / "1-difference.svg").read_text()
    assert (folder / "d.pdf").read_bytes().startswith(b"%PDF")
    capsys.readouterr()
    assert run(["render", "micro.tsspace", "--view", "figure"]) == 2
    assert "expected one architecture to draw" in capsys.readouterr().err
    for detail in ("stage", "block"):
        assert run(["render", "1.json", "--in", "micro.tsspace", "--detail", detail, "-o", f"{detail}.svg"]) == 0
    assert "1 group, 1 block" in (folder / "stage.svg").read_text()
    assert "group 1, block 1" in (folder / "block.svg").read_text()
    assert run(["render", "1.json", "--in", "micro.tsspace", "--against", "2.json"]) == 2
    assert "--against has no effect" in capsys.readouterr().err
