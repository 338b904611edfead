"""The metrics of a run: appended, torn lines dropped, cut back on resume."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tsdsl.engine.runs.directory import FORMAT, RunDirectory
from tsdsl.engine.runs.metrics import MetricsLog, read_metrics
from tsdsl.engine.runs.sealed import write_sealed
from tsdsl.errors import FileError


def test_lines_are_read_back_in_order_with_their_prefix(tmp_path: Path) -> None:
    with MetricsLog(tmp_path, 0) as log:
        log.write(1, {"loss": 2.5}, prefix="train/")
        log.write(2, {"loss": float("nan"), "clips": 8})
    assert read_metrics(tmp_path) == [
        {"iteration": 1, "train/loss": 2.5},
        {"iteration": 2, "loss": None, "clips": 8},
    ]


def test_resuming_removes_later_lines_and_a_torn_one(tmp_path: Path) -> None:
    with MetricsLog(tmp_path, 0) as log:
        for iteration in (10, 20):
            log.write(iteration, {"loss": float(iteration)})
        kept_bytes = (tmp_path / "metrics.jsonl").stat().st_size
        log.write(30, {"loss": 30.0})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"iteration": 12, "lo')
    with MetricsLog(tmp_path, kept_bytes) as log:
        log.write(25, {"loss": 1.0})
    assert [line["iteration"] for line in read_metrics(tmp_path)] == [10, 20, 25]


def test_beginning_anew_removes_everything(tmp_path: Path) -> None:
    for loss in (1.0, 2.0):
        with MetricsLog(tmp_path, 0) as log:
            log.write(0, {"loss": loss})
    assert read_metrics(tmp_path) == [{"iteration": 0, "loss": 2.0}]


def test_tensorboard_shows_what_metrics_jsonl_holds_after_each_of_many_resumptions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    writer = pytest.importorskip("tensorboard.summary.writer.event_file_writer")
    # All in one second of one process: only a counter tells the names of the files apart, and .10 sorts before .9.
    monkeypatch.setattr(writer, "_global_uid", writer.AtomicCounter(0))
    monkeypatch.setattr(writer.time, "time", lambda: 1.7e9)

    with MetricsLog(tmp_path, 0) as log:
        log.write(1, {"loss": 1.0})
        kept_bytes = (tmp_path / "metrics.jsonl").stat().st_size
        log.write(2, {"loss": 2.0})
        log.write(3, {"loss": 3.0})
    for attempt in range(12):
        with MetricsLog(tmp_path, kept_bytes) as log:
            log.write(2, {"loss": 20.0 + attempt})
        events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
        events.Reload()
        assert [(event.step, event.value) for event in events.Scalars("loss")] == [(1, 1.0), (2, 20.0 + attempt)]
        assert events.Tags()["scalars"] == ["loss"]


def test_tensorboard_no_longer_shows_what_was_cut_off_when_nothing_more_is_written(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

    with MetricsLog(tmp_path, 0) as log:
        log.write(1, {"loss": float("nan"), "top1": 0.5})
        kept_bytes = (tmp_path / "metrics.jsonl").stat().st_size
        log.write(2, {"loss": 2.0})
    with MetricsLog(tmp_path, kept_bytes):
        pass
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("loss")] == [1]
    assert [(event.step, event.value) for event in events.Scalars("top1")] == [(1, 0.5)]


def test_a_damaged_line_in_the_middle_is_an_error_with_its_number(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"iteration": 1}\nrubbish\n{"iteration": 3}\n')
    with pytest.raises(FileError, match=r"metrics\.jsonl:2"):
        read_metrics(tmp_path)


@pytest.mark.parametrize(
    "call",
    ["os.fsync", "torch.utils.tensorboard.SummaryWriter.add_scalar", "torch.utils.tensorboard.SummaryWriter.close"],
)
def test_a_full_disk_is_reported_with_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def no_room(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def run() -> None:
        with MetricsLog(tmp_path, 0) as log:
            log.write(1, {"loss": 1.0})
            log.write(2, {"loss": 1.0})

    monkeypatch.setattr(call, no_room)
    with pytest.raises(FileError, match=f"{tmp_path}.*No space left"):
        run()


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('{"iteration": 1, "epoch": "x"}', 'epoch: expected a number, got "x"'),
        ('{"iteration": 1, "loss": true}', "loss: expected a number, got true"),
        ('{"iteration": 1, "loss": [1]}', "loss: expected a number"),
        ('{"iteration": -1}', "iteration: expected a number from 0, got -1"),
        ('{"iteration": 1.5}', "iteration: expected a number from 0"),
        ('{"iteration": 1e30}', "iteration: expected a number from 0"),
        ('{"loss": 1}', "iteration"),
        ("[1]", "it is not an object"),
    ],
)
def test_a_line_of_another_shape_is_refused_with_its_place(tmp_path: Path, line: str, fault: str) -> None:
    (tmp_path / "metrics.jsonl").write_text(f'{{"iteration": 0, "loss": null}}\n{line}\n')
    with pytest.raises(FileError, match=rf"metrics\.jsonl:2: is not a line of metrics .*{re.escape(fault)}"):
        read_metrics(tmp_path)


def test_a_folder_without_metrics_has_no_lines(tmp_path: Path) -> None:
    assert read_metrics(tmp_path) == []


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda content: flipped(content, 3), "the record at byte 0 is damaged"),
        (lambda content: flipped(content, len(content) - 7), "the record at byte \\d+ is damaged"),
        (lambda content: content[:-1], "its last record is torn, from byte \\d+"),
        (lambda content: content + b"\0", "its last record is torn, from byte \\d+"),
    ],
)
def test_resuming_reports_damage_of_tensorboards_events(
    tmp_path: Path, damage: Callable[[bytes], bytes], fault: str
) -> None:
    with MetricsLog(tmp_path, 0) as log:
        log.write(1, {"loss": 1.0})
        kept_bytes = (tmp_path / "metrics.jsonl").stat().st_size
    (events,) = (tmp_path / "tensorboard").iterdir()
    told: list[str] = []
    content = events.read_bytes()
    events.write_bytes(damage(content))
    with MetricsLog(tmp_path, kept_bytes, warn=told.append):
        pass
    (note,) = told
    assert re.fullmatch(f"{re.escape(str(events))}: {fault}; it is written again from metrics.jsonl", note)


def test_resuming_reports_whole_events_never_and_lines_newer_than_the_checkpoint(tmp_path: Path) -> None:
    with MetricsLog(tmp_path, 0) as log:
        log.write(1, {"loss": 1.0})
        kept_bytes = (tmp_path / "metrics.jsonl").stat().st_size
        log.write(2, {"loss": 2.0})
    told: list[str] = []
    for _ in range(2):
        with MetricsLog(tmp_path, kept_bytes, warn=told.append):
            pass
    cut_off = "its last 30 bytes are newer than the checkpoint; they are removed, and what they say is computed again"
    assert told == [f"{tmp_path / 'metrics.jsonl'}: {cut_off}"]


def test_metrics_of_a_finished_run_that_were_changed_are_refused(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    write_sealed(run.settings, {"format": FORMAT, "kind": "train", "settings": {}})
    with MetricsLog(tmp_path, 0) as log:
        log.write(1, {"loss": 1.5})
    run.write_result({})
    path = tmp_path / "metrics.jsonl"
    path.write_text(path.read_text().replace("1.5", "2.5"))
    with pytest.raises(FileError, match=r"metrics\.jsonl: was changed after the run was finished"):
        read_metrics(tmp_path)
