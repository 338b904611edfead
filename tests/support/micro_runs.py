"""Runs of seconds by the real commands, each in a process of its own that can be killed, and what came of them.

The process comes from a server that has imported torch, as in `processes.py`; else importing takes longer than the run.
"""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import sys
from collections.abc import Sequence
from hashlib import sha256
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from support.processes import server

SPACE = """tsspace 1

space micro {
  classes = 8
  size    = 16

  stream sparse {
    frames = 2
    stage 0 { group conv3d(kernel = 1x3x3, channels = 8, stride = 4) }
    stage 1 { group mbconv3d(t = 1, k = {3, 5}, expansion = {1, 2}, channels = {8, 16}, stride = 2) }
  }
  stream dense {
    frames = 8
    stage 0 { group conv3d(kernel = 1x3x3, channels = 4, stride = 4) }
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
  head { features = 16  dropout = 0.2 }

  step 1 "sparse" { search = sparse  target = 170 KFLOPs  epochs = 2 }
  step 2 "dense and fusion" { search = dense, fusion  target = 900 KFLOPs  epochs = 2 }
  step 3 "attention" { search = attention  target = 900 KFLOPs  epochs = 1 }
}
"""
DEEP_SPACE = """tsspace 1

space micro {
  classes = 8
  size    = 16
  block mb = mbconv3d(t = 1, k = {3, 5}, expansion = {1, 2})

  stream rgb {
    frames = 2
    stage 0 { group conv3d(kernel = 1x3x3, channels = 8, stride = 4) }
    stage 1 {
      group {mb, conv3d(kernel = 1x3x3)}(channels = {8, 16}, stride = 2) * 1 .. 2
      group mb(channels = 16) * 0 .. 1
      group {mb, bottleneck3d(t = {1, 3}), none}(channels = 16) * 2 .. 3 each
    }
  }
  head { features = 16  dropout = 0.2 }

  step 1 "all" { search = rgb  target = 60 KFLOPs  epochs = 2 }
}
"""
VOLATILE = {"seconds", "environment", "files", "logs", "sha256"}
UNCOMPARED = ("report.html", ".lock")
FILE_EVENTS = {"open", "os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.truncate", "os.chmod"}


def write_inputs(folder: Path, clips_per_class: int = 4, space: str = SPACE) -> None:
    """The space and clips of 8 classes to train on, one of each to validate on."""
    from tsdsl.data import DemoSettings, write_demo

    (folder / "micro.tsspace").write_text(space, encoding="utf-8")
    if not (folder / "clips" / "dataset.json").exists():
        settings = DemoSettings(
            num_textures=2, train_clips_per_class=clips_per_class, val_clips_per_class=1, num_frames=8
        )
        write_demo(folder / "clips", settings)


def search_command(folder: Path, run: Path, *more: str) -> list[str]:
    """The arguments of a search of all steps, with a checkpoint every second iteration."""
    common = ["--data", str(folder / "clips"), "--run", str(run), "--device", "cpu", "-q"]
    fast = ["--samples", "2", "--batch-size", "4", "--checkpoint-every", "2", "--set", "recalibration_batches=1"]
    return ["search", str(folder / "micro.tsspace"), *common, *fast, *more]


def train_command(folder: Path, architecture: Path, run: Path, *more: str, evaluate_every: int = 2) -> list[str]:
    """The arguments of a training of four epochs with two validations."""
    common = ["--data", str(folder / "clips"), "--run", str(run), "--device", "cpu", "-q"]
    fast = ["--epochs", "4", "--batch-size", "8"]
    chosen = [
        f"evaluate_every_epochs={evaluate_every}",
        "precise_norm_batches=1",
        "average_decay=0.5",
        "gradient_norm=1",
    ]
    settings = [word for pair in chosen for word in ("--set", pair)]
    return ["train", str(architecture), *common, *fast, *settings, *more]


def start(arguments: Sequence[str], run: Path, log: Path, kill_at: int | None = None) -> BaseProcess:
    """Start a command in a process; with `kill_at`, it kills itself before that many file events in its run's folder.

    What it prints goes to `log`, in the end the number of those events to `log` with the suffix `.events`.
    """
    process = server().Process(target=_work, args=(list(arguments), str(run), str(log), kill_at))
    process.start()
    return process


def _work(arguments: list[str], run: str, log: str, kill_at: int | None) -> None:
    import torch

    from tsdsl.cli.main import run as run_command

    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(handle, descriptor)
    torch.set_num_threads(1)
    count = 0

    def watch(event: str, details: tuple[Any, ...]) -> None:
        nonlocal count
        if event in FILE_EVENTS and details and str(details[0]).startswith(run):
            count += 1
            if count == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    code = run_command(arguments)
    Path(f"{log}.events").write_text(str(count), encoding="utf-8")
    sys.exit(code)


def outcome(run: Path) -> dict[str, Any]:
    """Everything in a run's folder by name: tensors as hashes of their bytes, JSON and TensorBoard as values.

    Left out are times, the report's page and the names of TensorBoard's files. What a kill left behind would be there.
    """
    found: dict[str, Any] = {}
    for path in sorted(path for path in run.rglob("*") if path.is_file()):
        name = str(path.relative_to(run))
        if path.name in UNCOMPARED:
            continue
        if path.suffix == ".safetensors":
            found[name] = sha256(path.read_bytes()).hexdigest()
        elif path.suffix in (".json", ".jsonl"):
            text = path.read_text(encoding="utf-8").replace(str(run), "RUN")
            lines = [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else json.loads(text)
            found[name] = _without_times(lines)
        elif path.parent.name == "tensorboard":
            found[f"{path.parent.relative_to(run)}"] = _scalars(path.parent)
        else:
            found[name] = path.stat().st_size
    return found


def differences(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    """The names of what is not the same in both."""
    return sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))


def _without_times(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _without_times(value) for key, value in content.items() if key not in VOLATILE}
    return [_without_times(one) for one in content] if isinstance(content, list) else content


def _scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard shows, by name: (iteration, value)."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logging.getLogger("tensorboard").setLevel(logging.ERROR)  # it tells of every purge, which is what is asked for
    shown = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    shown.Reload()
    return {
        name: [(event.step, event.value) for event in shown.Scalars(name)]
        for name in shown.Tags()["scalars"]
        if re.search(r"(^|/)seconds$", name) is None
    }
