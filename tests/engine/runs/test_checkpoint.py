"""Checkpoints are whole or absent, and broken ones are passed over."""

from __future__ import annotations

import errno
import json
import os
import random
from pathlib import Path

import pytest
import torch

from tsdsl.engine.runs.checkpoint import STATE, TENSORS, CheckpointStore
from tsdsl.engine.runs.sealed import sealed
from tsdsl.errors import FileError


def tensors_of(value: float) -> dict[str, torch.Tensor]:
    return {"weight": torch.full((3, 4), value), "momentum/weight": torch.arange(5.0) * value}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def no_room(*arguments: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_what_was_saved_is_read_back(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "checkpoints")
    path = store.save(tensors_of(2.0), {"best": 0.5, "names": ["a"]}, 7)
    checkpoint = store.latest()
    assert checkpoint is not None
    assert path.name == "checkpoint-00000007"
    assert (checkpoint.path, checkpoint.iteration, checkpoint.notes) == (path, 7, ())
    assert checkpoint.state == {"best": 0.5, "names": ["a"]}
    assert torch.equal(checkpoint.tensors["weight"], torch.full((3, 4), 2.0))
    assert torch.equal(checkpoint.tensors["momentum/weight"], torch.arange(5.0) * 2)


def test_views_and_shared_tensors_are_saved_by_value(tmp_path: Path) -> None:
    flat = torch.arange(12.0)
    store = CheckpointStore(tmp_path)
    store.save(
        {
            "left": flat[:6].view(2, 3),
            "right": flat[6:],
            "all": flat,
            "again": flat,
            "t": flat.view(3, 4).t(),
        },
        {},
        1,
    )
    checkpoint = store.latest()
    assert checkpoint is not None
    assert torch.equal(checkpoint.tensors["right"], flat[6:])
    assert torch.equal(checkpoint.tensors["again"], flat)
    assert torch.equal(checkpoint.tensors["t"], flat.view(3, 4).t())
    assert (tmp_path / "checkpoint-00000001" / TENSORS).stat().st_size < 1000


def test_whoever_may_read_the_folder_may_read_the_tensors(tmp_path: Path) -> None:
    saved = CheckpointStore(tmp_path).save(tensors_of(1.0), {}, 1)
    (tmp_path / "other").write_text("")
    assert (saved / TENSORS).stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_folder_without_checkpoints_has_no_latest(tmp_path: Path) -> None:
    assert CheckpointStore(tmp_path / "none").latest() is None


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, keep=2)
    for iteration in (1, 2, 3, 4):
        store.save(tensors_of(1.0), {}, iteration)
    assert names(tmp_path) == ["checkpoint-00000003", "checkpoint-00000004"]


@pytest.mark.parametrize("damage", ["truncated", "flipped", "no state", "torn state", "other format", "no tensors"])
def test_a_broken_newest_falls_back_to_the_one_before(tmp_path: Path, damage: str) -> None:
    store = CheckpointStore(tmp_path)
    store.save(tensors_of(1.0), {"n": 1}, 1)
    broken = store.save(tensors_of(2.0), {"n": 2}, 2)
    tensors, state = broken / TENSORS, broken / STATE
    if damage == "truncated":
        tensors.write_bytes(tensors.read_bytes()[:-5])
    elif damage == "flipped":
        content = bytearray(tensors.read_bytes())
        content[-1] ^= 1
        tensors.write_bytes(bytes(content))
    elif damage == "no state":
        state.unlink()
    elif damage == "torn state":
        state.write_text(state.read_text()[:20])
    elif damage == "other format":
        state.write_text(json.dumps(json.loads(state.read_text()) | {"format": 99}))
    else:
        tensors.unlink()
    checkpoint = store.latest()
    assert checkpoint is not None
    assert (checkpoint.iteration, checkpoint.state) == (1, {"n": 1})
    (reason,) = checkpoint.notes
    assert "checkpoint-00000002" in reason


def flip_a_bit(path: Path, position: int, bit: int = 0) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1 << bit
    path.write_bytes(bytes(content))


def test_a_bit_flipped_anywhere_in_a_checkpoint_is_noticed(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "checkpoints", of={"step": 1})
    saved = store.save(tensors_of(1.0), {"top1": 0.0625, "name": "\u00e9", "best": None}, 1)
    draw = random.Random(0)
    for path in (saved / STATE, saved / TENSORS):
        whole = path.read_bytes()
        for _ in range(200):
            flip_a_bit(path, draw.randrange(len(whole)), draw.randrange(8))
            with pytest.raises(FileError, match="no checkpoint of this run is usable"):
                store.latest()
            path.write_bytes(whole)
    assert store.latest() is not None


def test_a_checkpoint_under_the_name_of_another_iteration_is_not_used(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    store.save(tensors_of(1.0), {}, 1).rename(tmp_path / "checkpoint-00000009")
    with pytest.raises(FileError, match="checkpoint-00000009: it is of iteration 1"):
        store.latest()


def test_damage_of_an_older_checkpoint_is_reported_before_it_is_needed(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    flip_a_bit(store.save(tensors_of(1.0), {}, 1) / TENSORS, -1)
    store.save(tensors_of(2.0), {}, 2)
    checkpoint = store.latest()
    assert checkpoint is not None
    assert checkpoint.iteration == 2
    assert "checkpoint-00000001" in checkpoint.notes[0]


def test_a_log_that_is_not_what_was_written_leads_to_an_older_checkpoint_or_an_error(tmp_path: Path) -> None:
    log = tmp_path / "alpha.jsonl"
    store = CheckpointStore(tmp_path / "checkpoints", logs=["alpha.jsonl", "metrics.jsonl"])
    log.write_text("one\n")
    store.save(tensors_of(1.0), {}, 1)
    log.write_text("one\ntwo\n")
    store.save(tensors_of(2.0), {}, 2)
    log.write_text("one\ntwo\nthree")
    checkpoint = store.latest()
    assert checkpoint is not None
    assert (checkpoint.iteration, checkpoint.notes) == (2, ())
    assert checkpoint.log_bytes == {"alpha.jsonl": 8, "metrics.jsonl": 0}
    for later in ("one\ntwo", "one\nTwo\n"):
        log.write_text(later)
        checkpoint = store.latest()
        assert checkpoint is not None
        assert (checkpoint.iteration, checkpoint.log_bytes["alpha.jsonl"]) == (1, 4)
        assert "alpha.jsonl was changed" in checkpoint.notes[0]
    log.write_text("One\ntwo\n")
    with pytest.raises(FileError, match=r"alpha\.jsonl was changed"):
        store.latest()


def test_a_missing_log_is_reported_and_begins_anew(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "checkpoints", logs=["alpha.jsonl"])
    (tmp_path / "alpha.jsonl").write_text("one\n")
    store.save(tensors_of(1.0), {}, 1)
    (tmp_path / "alpha.jsonl").unlink()
    checkpoint = store.latest()
    assert checkpoint is not None
    assert checkpoint.log_bytes == {"alpha.jsonl": 0}
    assert "alpha.jsonl: is missing" in checkpoint.notes[0]


def test_another_number_of_threads_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = CheckpointStore(tmp_path)
    store.save(tensors_of(1.0), {}, 1)
    threads = torch.get_num_threads()
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads + 3)
    checkpoint = store.latest()
    assert checkpoint is not None
    assert f"with {threads} threads and goes on with {threads + 3}" in checkpoint.notes[0]


def test_a_checkpoint_of_another_run_is_passed_over_for_the_one_before(tmp_path: Path) -> None:
    own = CheckpointStore(tmp_path / "own", of={"fingerprint": "aa", "step": 1})
    own.save(tensors_of(1.0), {"n": 1}, 1)
    other = CheckpointStore(tmp_path / "other", of={"fingerprint": "bb", "step": 1})
    other.save(tensors_of(2.0), {"n": 2}, 2).rename(tmp_path / "own" / "checkpoint-00000002")
    checkpoint = own.latest()
    assert checkpoint is not None
    assert checkpoint.iteration == 1
    (reason,) = checkpoint.notes
    assert "checkpoint-00000002: it is of another run: fingerprint is 'bb', here 'aa'" in reason
    with pytest.raises(FileError, match="step is 1, here 2"):
        CheckpointStore(tmp_path / "own", of={"fingerprint": "aa", "step": 2}).latest()


@pytest.mark.parametrize(("name", "value"), [("threads", None), ("iteration", -1), ("logs", {"a": 1}), ("state", [])])
def test_a_state_of_another_shape_is_reported_even_where_its_hash_fits(
    tmp_path: Path, name: str, value: object
) -> None:
    store = CheckpointStore(tmp_path)
    path = store.save(tensors_of(1.0), {}, 1) / STATE
    content = json.loads(path.read_text())
    del content["sha256"]
    path.write_text(sealed({**content, name: value}))
    with pytest.raises(FileError, match=name):
        store.latest()


def test_going_on_before_a_broken_checkpoint_replaces_it(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    store.save(tensors_of(1.0), {}, 10)
    (store.save(tensors_of(2.0), {}, 20) / STATE).unlink()
    store.save(tensors_of(3.0), {}, 15)
    assert names(tmp_path) == ["checkpoint-00000010", "checkpoint-00000015"]


def test_only_broken_checkpoints_are_an_error_that_names_them(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    for iteration in (1, 2):
        (store.save(tensors_of(1.0), {}, iteration) / TENSORS).write_bytes(b"x")
    with pytest.raises(FileError, match=r"checkpoint-00000002.*checkpoint-00000001"):
        store.latest()


@pytest.mark.parametrize("call", ["os.fsync", "os.rename", "save"])
def test_a_full_disk_leaves_the_checkpoint_before_intact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    store = CheckpointStore(tmp_path)
    store.save(tensors_of(1.0), {"n": 1}, 1)
    with monkeypatch.context() as patch:
        if call == "save":
            patch.setattr("tsdsl.engine.runs.checkpoint.save_file", no_room)
        else:
            patch.setattr(call, no_room)
        with pytest.raises(FileError, match="No space left on device"):
            store.save(tensors_of(2.0), {"n": 2}, 2)
    assert names(tmp_path) == ["checkpoint-00000001"]
    checkpoint = store.latest()
    assert checkpoint is not None
    assert checkpoint.state == {"n": 1}


def test_what_a_killed_process_left_is_removed_by_the_next_save(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    store.save(tensors_of(1.0), {}, 1)
    for leftover in (".unfinished-checkpoint-00000002", ".removed-checkpoint-00000000"):
        (tmp_path / leftover).mkdir()
        (tmp_path / leftover / TENSORS).write_bytes(b"half")
    checkpoint = store.latest()
    assert checkpoint is not None
    assert checkpoint.iteration == 1
    store.save(tensors_of(2.0), {}, 2)
    assert names(tmp_path) == ["checkpoint-00000001", "checkpoint-00000002"]


def test_tidying_removes_what_a_kill_left_and_what_is_superfluous(tmp_path: Path) -> None:
    keeps_more = CheckpointStore(tmp_path, keep=9)
    for iteration in (1, 2, 3, 4):
        keeps_more.save(tensors_of(1.0), {}, iteration)
    (tmp_path / ".removed-checkpoint-00000000").mkdir()
    told = CheckpointStore(tmp_path, keep=2).tidy(3)
    left = tmp_path / ".removed-checkpoint-00000000"
    assert told == [f"{left}: was left by a process that was killed; it is removed"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-00000002", "checkpoint-00000003"]
    CheckpointStore(tmp_path / "none").tidy(1)
    assert not (tmp_path / "none").exists()


def test_an_iteration_can_be_saved_again(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    store.save(tensors_of(1.0), {"n": 1}, 1)
    store.save(tensors_of(2.0), {"n": 2}, 1)
    checkpoint = store.latest()
    assert checkpoint is not None
    assert checkpoint.state == {"n": 2}
    assert names(tmp_path) == ["checkpoint-00000001"]


def test_a_kill_while_replacing_does_not_lose_the_checkpoint(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    store.save(tensors_of(1.0), {"n": 1}, 1).rename(tmp_path / ".replaced-checkpoint-00000001")
    checkpoint = store.latest()
    assert checkpoint is not None
    assert checkpoint.state == {"n": 1}
    store.save(tensors_of(2.0), {"n": 2}, 2)
    assert names(tmp_path) == ["checkpoint-00000001", "checkpoint-00000002"]
