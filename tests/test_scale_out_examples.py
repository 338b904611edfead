"""The examples for torchrun and Slurm: a rank that dies, a job whose time is up, and what one process would have found.

Slurm is played by two small programs: `srun` starts the command once for each of two nodes, which are both this machine
and have no GPU, and `scontrol` writes down what it is asked.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from support.micro_runs import search_command, start, write_inputs
from tsdsl.lowering.weights import read_tensors
from tsdsl.searching.step import read_alpha

EXAMPLES = Path(__file__).parent.parent / "examples"
EPOCHS = ("--step", "1", "--epochs", "15", "--samples", "3")
TORCHRUN = f"""#!/bin/sh
exec {sys.executable} -m torch.distributed.run "$@"
"""
SRUN = """#!/bin/bash
shift  # --kill-on-bad-exit=1
"$@" & first=$!
"$@" & second=$!
trap 'kill -TERM $first $second' TERM
while kill -0 $first $second 2> /dev/null; do wait $first; wait $second; done
wait $first && wait $second
"""
# Stands in for torchrun where only the script is tested: says what it was given, and waits for SIGTERM.
WAITING = """#!/bin/sh
echo "$@" >> "$REQUESTS.given"
trap 'echo saved >> "$REQUESTS.saved"; exit 0' TERM
[ -z "$FAILS" ] || exit 5
while :; do sleep 0.05; done
"""
SCONTROL = """#!/bin/sh
if [ "$1" = show ]; then echo localhost; else echo "$@" >> "$REQUESTS"; fi
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scale")
    write_inputs(folder)
    (folder / "bin").mkdir()
    for name, text in (("torchrun", TORCHRUN), ("srun", SRUN), ("scontrol", SCONTROL)):
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def alone(folder: Path) -> Path:
    """The same search in one process."""
    process = start(search_command(folder, folder / "alone", *EPOCHS), folder / "alone", folder / "alone.log")
    process.join(300)
    assert process.exitcode == 0, (folder / "alone.log").read_text()
    return folder / "alone"


def launch(folder: Path, example: str, run: str, **variables: str) -> subprocess.Popen[str]:
    """Start an example's search; what it prints goes to a file named as the run."""
    environment = {
        **os.environ,
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
        "RESTARTS": "1",
        **variables,
    }
    command = [word for word in search_command(folder, folder / run, *EPOCHS) if word != "-q"]
    with (folder / f"{run}.log").open("a") as log:
        return subprocess.Popen(
            ["bash", str(EXAMPLES / example), *command],
            env=environment,
            stdout=log,
            stderr=log,
            text=True,
        )


def await_checkpoint(process: subprocess.Popen[str], run: Path) -> None:
    deadline_s = time.monotonic() + 200
    while not list(run.glob("step1/checkpoints/checkpoint-*")):
        assert process.poll() is None
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    """The processes that a process has started and that live."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return found


def assert_agree(run: Path, alone: Path) -> None:
    ours, theirs = (json.loads((place / "step1" / "architecture.json").read_text()) for place in (run, alone))
    assert ours["decisions"] == theirs["decisions"]
    lines, expected = (read_alpha(place / "step1") for place in (run, alone))
    assert [line["entropy"] for line in lines] == pytest.approx([line["entropy"] for line in expected], rel=1e-4)
    weights, whole = (read_tensors(place / "step1" / "weights.safetensors") for place in (run, alone))
    for name in whole:
        torch.testing.assert_close(weights[name], whole[name], rtol=1e-2, atol=1e-4)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the ranks in /proc")
def test_when_a_rank_dies_the_others_say_so_and_torchrun_goes_on_from_the_checkpoint(folder: Path, alone: Path) -> None:
    process = launch(folder, "torchrun.sh", "restarted", PROCESSES="2")
    await_checkpoint(process, folder / "restarted")
    os.kill(children(process.pid)[-1], signal.SIGKILL)
    assert process.wait(300) == 0, (folder / "restarted.log").read_text()
    told = (folder / "restarted.log").read_text()
    assert "ended or does not answer" in told
    assert "goes on after iteration" in told
    assert_agree(folder / "restarted", alone)


@pytest.fixture
def slurm(tmp_path: Path) -> dict[str, str]:
    """The environment of a job whose processes wait."""
    for name, text in (("torchrun", WAITING), ("srun", SRUN), ("scontrol", SCONTROL)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    job = {"SLURM_JOB_ID": "7", "SLURM_NNODES": "2", "SLURM_JOB_NODELIST": "n[1-2]"}
    path = f"{tmp_path}:{os.environ['PATH']}"
    return {**os.environ, **job, "PATH": path, "REQUESTS": str(tmp_path / "requests"), "PROCESSES": "1"}


def test_a_slurm_job_whose_time_is_up_ends_its_processes_and_goes_back_into_the_queue(slurm: dict[str, str]) -> None:
    process = subprocess.Popen(["bash", str(EXAMPLES / "slurm.sbatch"), "search", "--set", "a b"], env=slurm)
    given, saved = (Path(f"{slurm['REQUESTS']}.{name}") for name in ("given", "saved"))
    deadline_s = time.monotonic() + 60
    while not given.exists() or given.read_text().count("\n") < 2:
        assert process.poll() is None
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    assert "--nnodes=2 --nproc-per-node=1" in given.read_text()
    assert "--rdzv-endpoint=localhost:20007 --rdzv-id=7 -m -- tsdsl search --set a b" in given.read_text()
    process.send_signal(signal.SIGUSR1)
    assert process.wait(60) == 0
    assert saved.read_text() == "saved\nsaved\n"
    assert Path(slurm["REQUESTS"]).read_text() == "requeue 7\n"


def test_a_slurm_job_with_an_error_ends_with_it(slurm: dict[str, str]) -> None:
    ended = subprocess.run(["bash", str(EXAMPLES / "slurm.sbatch"), "search"], env={**slurm, "FAILS": "1"}, timeout=60)
    assert ended.returncode == 5
    assert not Path(slurm["REQUESTS"]).exists()


@pytest.mark.nightly
def test_a_slurm_job_whose_time_is_up_saves_goes_back_into_the_queue_and_ends_as_one_process(
    folder: Path, alone: Path
) -> None:
    requests = folder / "requests"
    job = {"SLURM_JOB_ID": "7", "SLURM_NNODES": "2", "SLURM_JOB_NODELIST": "n[1-2]", "REQUESTS": str(requests)}
    process = launch(folder, "slurm.sbatch", "queued", PROCESSES="1", **job)
    await_checkpoint(process, folder / "queued")
    process.send_signal(signal.SIGUSR1)
    told = folder / "queued.log"
    assert process.wait(300) == 0, told.read_text()
    assert requests.read_text() == "requeue 7\n"
    assert told.read_text().count("interrupted by SIGTERM after iteration") == 1
    assert not (folder / "queued" / "step1" / "result.json").exists()
    process = launch(folder, "slurm.sbatch", "queued", PROCESSES="1", **job)
    assert process.wait(300) == 0, told.read_text()
    assert requests.read_text() == "requeue 7\n"
    assert_agree(folder / "queued", alone)
