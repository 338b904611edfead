"""Processes of one run: what they tell each other, and that none outlives or contradicts another."""

from __future__ import annotations

import json

import pytest
import torch

from support.processes import launch
from tsdsl.engine.device import choose_device
from tsdsl.engine.ranks.ranks import ALONE, launched_ranks
from tsdsl.errors import UsageError

MESSAGES = """
import json, torch
from tsdsl.data import Batch
from tsdsl.engine.ranks.ranks import joined
from tsdsl.errors import FileError, RepeatedError, RunError

with joined(torch.device("cpu")) as ranks:
    found = {"gather": ranks.gather({"rank": ranks.rank}), "first": ranks.first(lambda: ["of", ranks.rank])}
    tensors = [torch.full((2,), float(ranks.rank)), torch.ones(1, 2)]
    ranks.sum(tensors)
    found["sum"] = [tensor.tolist() for tensor in tensors]
    given = {"a": torch.arange(3), "b": torch.tensor(2.5, dtype=torch.float64)} if ranks.is_first else None
    found["from_first"] = {name: [t.tolist(), str(t.dtype)] for name, t in ranks.from_first(given).items()}
    share = torch.full((1 + ranks.rank, 2), ranks.rank, dtype=torch.uint8)
    found["whole"] = ranks.whole(Batch(share, share[:, 0].long(), share[:, 0].long())).clips_BCTHW[:, 0].tolist()
    def fail():
        raise FileError("full", help="room")
    try:
        ranks.first(fail)
    except FileError as error:
        found["error"] = ["own", error.message]
    except RepeatedError as error:
        found["error"] = ["repeated", error.message, error.help, error.exit_code]
    ranks.require_same({"w": torch.ones(2)}, "here")
    try:
        ranks.require_same({"w": torch.full((2,), float(ranks.rank == 1))}, "here")
    except RunError as error:
        found["different"] = error.message
    print(json.dumps(found))
"""

FAILING = """
import os, signal, sys, time, torch
from tsdsl.cli.main import run
from tsdsl.engine.ranks.ranks import joined
from tsdsl.errors import RunError
import tsdsl.cli.main as main

def work():
    os.environ["TSDSL_RANK_TIMEOUT_S"] = sys.argv[2]
    with joined(torch.device("cpu")) as ranks:
        ranks.gather("begun")
        if ranks.rank == 1:
            if sys.argv[1] == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if sys.argv[1].startswith("stop"):
                os.kill(os.getpid(), signal.SIGSTOP)
            if sys.argv[1] == "error":
                raise RunError("the disk of rank 1 is full", help="make room")
        if "alone" in sys.argv[1] and ranks.rank == 0:
            time.sleep(60 if "stop" in sys.argv[1] else 2.5)
        if sys.argv[1] == "same":
            raise RunError("all of them fail", help="so what")
        ranks.gather("never")

main.app = lambda args: work()
sys.exit(run([]))
"""


def test_ranks_tell_each_other_json_tensors_and_errors() -> None:
    size = 3
    ended = launch(MESSAGES, size)
    assert [end.errors for end in ended if end.code] == []
    found = [json.loads(end.output) for end in ended]
    for rank, told in enumerate(found):
        assert told["gather"] == [{"rank": other} for other in range(size)]
        assert told["first"] == ["of", 0]
        assert told["sum"] == [[sum(range(size))] * 2, [[size] * 2]]
        assert told["from_first"] == {"a": [[0, 1, 2], "torch.int64"], "b": [2.5, "torch.float64"]}
        assert told["whole"] == [other for other in range(size) for _ in range(other + 1)]
        assert told["error"] == (["own", "full"] if rank == 0 else ["repeated", "full", "room", 3])
        assert "ranks 1 have other numbers" in told["different"]


@pytest.mark.parametrize(
    ("how", "message"),
    [("kill", "rank 1 ended or does not answer"), ("error", "the disk of rank 1 is full"), ("same", "all of them")],
)
def test_a_rank_that_fails_stops_the_others_with_one_message(how: str, message: str) -> None:
    ended = launch(FAILING, 2, how, "60")
    assert all(end.code != 0 for end in ended)
    reports = [end.errors for end in ended if "error:" in end.errors]
    assert len(reports) == 1, reports
    assert message in reports[0]


@pytest.mark.parametrize("how", ["stop", "stop while the other works alone"])
def test_a_stopped_rank_ends_the_others_within_the_limit(how: str) -> None:
    waiting, _ = launch(FAILING, 2, how, "0.5", awaited=1)
    assert waiting.code == 4
    assert "error: rank 0: rank 1 ended or does not answer" in waiting.errors
    assert "silent for 0.5 s, see TSDSL_RANK_TIMEOUT_S" in waiting.errors


def test_a_rank_that_works_alone_for_longer_than_the_limit_is_waited_for() -> None:
    assert [end.code for end in launch(FAILING, 2, "work alone", "2")] == [0, 0]


def test_one_process_needs_no_messages() -> None:
    assert launched_ranks() == (0, 1, 0)
    assert ALONE.gather(3) == [3]
    assert ALONE.first(lambda: "done") == "done"
    ones = torch.ones(2)
    ALONE.sum([ones])
    assert ones.tolist() == [1, 1]


def test_a_device_that_ranks_would_share_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("RANK", "1"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    assert launched_ranks() == (1, 2, 1)
    with pytest.raises(UsageError, match="2 processes cannot share device 'cuda:0'"):
        choose_device("cuda:0")
    monkeypatch.setenv("RANK", "2")
    with pytest.raises(UsageError, match="RANK must be from 0 to WORLD_SIZE 2 - 1, got 2"):
        launched_ranks()
