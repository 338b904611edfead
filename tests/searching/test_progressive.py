"""The search of a tiny space on demo clips: steps, what they inherit, resuming, and what it refuses."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import tsdsl
from support.search_spaces import TINY, load_text
from tsdsl.data import Batch
from tsdsl.engine.ranks.interruption import InterruptedRunError
from tsdsl.engine.runs.directory import RunDirectory
from tsdsl.engine.runs.metrics import read_metrics
from tsdsl.engine.runs.sealed import read_sealed, write_sealed
from tsdsl.errors import FileError, UsageError
from tsdsl.lowering.supernet import Supernet
from tsdsl.lowering.weights import read_tensors
from tsdsl.network.cost import network_cost
from tsdsl.network.layout import Blueprint
from tsdsl.searching.learning.learner import Scored, StepLearner
from tsdsl.searching.progressive import Which, recorded_data_settings, recorded_settings, search
from tsdsl.searching.record.outcome import SearchResult
from tsdsl.searching.settings import Cadence, DataSettings, SearchSettings
from tsdsl.searching.step import read_alpha
from tsdsl.space.architecture import problems, read_architecture
from tsdsl.space.model import Space

SETTINGS = SearchSettings(method="parsec", samples=2, batch_size=4, recalibration_batches=2, weight_lr=1.0)
DATA = DataSettings(cache=True)
OFTEN = Cadence(checkpoint_iterations=3, log_iterations=1)


def searched(
    space: Space,
    clips: Path,
    run: Path,
    step: Which,
    settings: SearchSettings | None = SETTINGS,
    data: DataSettings | None = DATA,
) -> SearchResult:
    return search(
        space,
        step=step,
        data=clips,
        run=run,
        settings=settings,
        data_settings=data,
        cadence=OFTEN,
        device="cpu",
    )


@pytest.fixture(scope="module")
def finished(tiny: Space, clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with all three steps finished."""
    run = tmp_path_factory.mktemp("run") / "all"
    searched(tiny, clips, run, "all")
    return run


def test_each_step_keeps_the_decisions_of_those_before_it(tiny: Space, finished: Path) -> None:
    first, second, third = (read_architecture(finished / f"step{n}" / "architecture.json") for n in (1, 2, 3))
    assert set(first.decisions) == set(tiny.step(1).decisions)
    assert set(second.decisions) == set(tiny.step(1).decisions) | set(tiny.step(2).decisions)
    assert first.decisions.items() <= second.decisions.items() <= third.decisions.items()
    assert [record.step for record in third.lineage] == [1, 2, 3]
    assert all(problems(tiny, architecture) == [] for architecture in (first, second, third))


def test_what_is_found_is_within_the_target_and_priced_at_the_classes_of_the_space(tiny: Space, finished: Path) -> None:
    for step in (1, 2, 3):
        architecture = read_architecture(finished / f"step{step}" / "architecture.json")
        network = Blueprint(tiny).network(architecture.decisions, step)
        assert architecture.flops == network_cost(network).macs
        assert architecture.flops <= (tiny.step(step).target_macs or 0)


def test_the_result_has_the_keys_that_others_read(finished: Path) -> None:
    result = json.loads((finished / "step1" / "result.json").read_text())
    assert {"step", "flops", "entropy", "seconds", "samples", "accuracy"} <= set(result)
    # 2 epochs of 4 batches of 4 from the 16 training clips; 2 samples on each of 2 batches an iteration.
    assert result["samples"] == 2 * 4 * 2 * 2
    assert result["entropy"] == read_alpha(finished / "step1")[-1]["entropy"]


def test_alpha_is_recorded_from_the_start_and_after_each_epoch(finished: Path) -> None:
    lines = read_alpha(finished / "step2")
    assert [line["epoch"] for line in lines] == [0, 1, 2]
    assert all(sum(p) == pytest.approx(1) for line in lines for p in line["probabilities"].values())
    assert lines[0]["entropy"] > lines[-1]["entropy"]


def test_metrics_hold_the_numbers_of_the_search(finished: Path) -> None:
    line = read_metrics(finished / "step1")[-1]
    names = {"training/loss", "validation/accuracy", "validation/effective_samples", "entropy"}
    assert names | {"expected_flops", "share_within_target", "samples", "weight_lr"} <= set(line)
    assert 1 <= line["validation/effective_samples"] <= 2


def test_a_step_begins_with_the_weights_of_the_one_before(
    tiny: Space, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched(tiny, clips, tmp_path / "run", 1)
    begun: dict[str, torch.Tensor] = {}

    def stop(learner: StepLearner, batch: Batch, iteration: int, progress: float, *, warms_up: bool) -> Scored:
        begun.update({name: t.detach().clone() for name, t in learner.supernet.placed.items()})
        raise KeyboardInterrupt

    monkeypatch.setattr(StepLearner, "update_weights", stop)
    with pytest.raises(KeyboardInterrupt):
        searched(tiny, clips, tmp_path / "run", 2)
    weights = read_tensors(tmp_path / "run" / "step1" / "weights.safetensors")
    assert set(weights) == set(begun)
    assert all(torch.equal(weights[name], begun[name]) for name in weights)


def test_parts_not_yet_named_keep_their_first_weights(tiny: Space, clips: Path, finished: Path) -> None:
    fresh = Supernet(Blueprint(tiny, classes=8), seed=SETTINGS.seed).state_dict()
    weights = read_tensors(finished / "step1" / "weights.safetensors")
    untouched = [name for name in weights if name.startswith(("dense", "fusion", "attention"))]
    assert untouched
    assert all(torch.equal(weights[name], fresh[name]) for name in untouched)
    name = "head.classifier.classifier.weight"
    assert not torch.equal(weights[name], fresh[name])


def tensors_of(run: Path, step: str) -> dict[str, torch.Tensor]:
    (newest,) = sorted((run / step / "checkpoints").glob("checkpoint-*"))[-1:]
    return read_tensors(newest / "tensors.safetensors")


def fail_at(patch: pytest.MonkeyPatch, at: int) -> None:
    """Make the search die in the middle of an iteration, with nothing saved on the way out."""
    update = StepLearner.update_alpha

    def failing(learner: StepLearner, batch: Batch, iteration: int) -> Scored:
        if iteration == at:
            raise MemoryError
        return update(learner, batch, iteration)

    patch.setattr(StepLearner, "update_alpha", failing)


@pytest.mark.parametrize("kill_at", [1, 4, 7])
def test_a_killed_search_ends_with_the_numbers_of_an_uninterrupted_one(
    tiny: Space, clips: Path, tmp_path: Path, finished: Path, monkeypatch: pytest.MonkeyPatch, kill_at: int
) -> None:
    with monkeypatch.context() as patch:
        fail_at(patch, kill_at)
        with pytest.raises(MemoryError):
            searched(tiny, clips, tmp_path / "run", 1)
    with (tmp_path / "run" / "step1" / "alpha.jsonl").open("a") as file:
        file.write('{"epoch": 9, "iter')
    searched(tiny, clips, tmp_path / "run", 1)
    resumed, whole = tensors_of(tmp_path / "run", "step1"), tensors_of(finished, "step1")
    assert set(resumed) == set(whole)
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)
    assert read_alpha(tmp_path / "run" / "step1") == read_alpha(finished / "step1")
    numbers = [
        {key: line[key] for key in ("iteration", "training/loss")} for line in read_metrics(tmp_path / "run" / "step1")
    ]
    assert numbers == [
        {key: line[key] for key in ("iteration", "training/loss")} for line in read_metrics(finished / "step1")
    ]
    ours, theirs = (RunDirectory(run / "step1").read_result() or {} for run in (tmp_path / "run", finished))
    assert {**ours, "seconds": 0} == {**theirs, "seconds": 0}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"fingerprint": "00"}, "of another run: fingerprint is '00', here"),
        ({"step": 1}, "of another run: step is 1, here 2"),
        ({"lineage": []}, r"of another run: lineage is \[\], here \[\{'step': 1"),
    ],
)
def test_checkpoints_of_another_space_step_or_lineage_are_not_taken(
    tiny: Space, clips: Path, tmp_path: Path, finished: Path, changed: dict[str, object], told: str
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    (run / "step2" / "result.json").unlink()
    for state in (run / "step2" / "checkpoints").glob("*/state.json"):
        content = read_sealed(state, "")
        content["of"].update(changed)
        write_sealed(state, content)
    with pytest.raises(FileError, match=told):
        searched(tiny, clips, run, 2)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_a_checkpoint_and_says_how_to_go_on(
    tiny: Space,
    clips: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    code: int,
) -> None:
    update = StepLearner.update_weights

    def signalled(learner: StepLearner, batch: Batch, iteration: int, progress: float, *, warms_up: bool) -> Scored:
        if iteration == 4:
            os.kill(os.getpid(), number)
        return update(learner, batch, iteration, progress, warms_up=warms_up)

    with monkeypatch.context() as patch:
        patch.setattr(StepLearner, "update_weights", signalled)
        with pytest.raises(InterruptedRunError, match="after iteration 5") as caught:
            searched(tiny, clips, tmp_path / "run", 1)
    assert caught.value.exit_code == code
    assert "run the same command again" in (caught.value.help or "")
    assert (tmp_path / "run" / "step1" / "checkpoints" / "checkpoint-00000005").is_dir()


def test_a_finished_step_returns_at_once(
    tiny: Space, clips: Path, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(StepLearner, "__init__")
    result = search(tiny, step=2, run=finished, device="cpu")
    assert result.step == 2
    assert result.architecture == finished / "step2" / "architecture.json"
    with pytest.raises(UsageError, match=r"alpha_lr is 0\.5, was 0\.025"):
        searched(tiny, clips, finished, 2, SETTINGS.model_copy(update={"alpha_lr": 0.5}))


def test_a_later_step_takes_data_and_settings_from_the_run(tiny: Space, clips: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    searched(tiny, clips, run, 1, SETTINGS.model_copy(update={"epochs": 1}), DataSettings(classes=4))
    result = search(tiny, step=2, run=run, device="cpu")
    assert result.step == 2
    inherited = recorded_settings(run, tiny, 2)
    assert inherited == SETTINGS
    data = recorded_data_settings(run, tiny, 2)
    assert data is not None
    assert data.classes == 4


def test_step_two_without_step_one_says_so_and_gives_the_command(tiny: Space, clips: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="step 1 is not searched yet") as caught:
        searched(tiny, clips, tmp_path / "run", 2)
    assert f"tsdsl search --step 1 --data {clips} --run {tmp_path / 'run'}" in (caught.value.help or "")


def test_changed_settings_on_resuming_are_named(
    tiny: Space, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_at(monkeypatch, 4)
    with pytest.raises(MemoryError):
        searched(tiny, clips, tmp_path / "run", 1)
    with pytest.raises(UsageError, match="batch_size is 2, was 4"):
        searched(tiny, clips, tmp_path / "run", 1, SETTINGS.model_copy(update={"batch_size": 2}))


def test_settings_may_change_while_nothing_is_learned_yet(
    tiny: Space, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        fail_at(patch, 0)
        with pytest.raises(MemoryError):
            searched(tiny, clips, tmp_path / "run", 1)
    smaller = SETTINGS.model_copy(update={"batch_size": 2, "epochs": 1})
    assert searched(tiny, clips, tmp_path / "run", 1, smaller).samples == 8 * 2 * 2


def test_a_mistyped_data_path_does_not_stick_to_the_run(tiny: Space, clips: Path, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="does not exist"):
        search(tiny, step=1, data=tmp_path / "nowhere", run=tmp_path / "run", device="cpu")
    settings = SETTINGS.model_copy(update={"epochs": 1})
    assert searched(tiny, clips, tmp_path / "run", 1, settings).step == 1


def test_a_finished_step_whose_target_has_changed_is_not_passed_off(tiny: Space, finished: Path) -> None:
    step = replace(tiny.step(1), target_macs=30_000)
    space = replace(tiny, steps=(step, *tiny.steps[1:]))
    with pytest.raises(UsageError, match="its target is 30000 FLOPs, was 20000"):
        search(space, step=1, run=finished, device="cpu")


def test_a_changed_space_and_other_data_are_refused(tiny: Space, clips: Path, finished: Path, tmp_path: Path) -> None:
    changed = load_text(tmp_path, TINY.replace("channels = {4, 8}", "channels = {4, 6}", 1))
    with pytest.raises(UsageError, match="tiny now has"):
        search(changed, step=1, run=finished, device="cpu")
    with pytest.raises(UsageError, match=r"data is .*, was"):
        search(tiny, step=1, data=tmp_path, run=finished, device="cpu")


def test_an_unreachable_target_is_refused_before_the_step_begins(tiny: Space, clips: Path, tmp_path: Path) -> None:
    step = replace(tiny.step(1), target_macs=9231)
    space = replace(tiny, steps=(step, *tiny.steps[1:]))
    with pytest.raises(UsageError, match="the smallest has 9,232"):
        searched(space, clips, tmp_path / "run", 1)
    assert not (tmp_path / "run" / "step1").exists()


def test_the_joint_search_decides_everything_at_once(tiny: Space, clips: Path, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"epochs": 1, "score": "likelihood", "samples": "adaptive"})
    result = searched(tiny, clips, tmp_path / "run", "joint", settings)
    architecture = read_architecture(tmp_path / "run" / "joint" / "architecture.json")
    assert result.step == "joint"
    assert architecture.step is None
    assert problems(tiny, architecture) == []
    assert result.flops <= 60_000


def test_alpha_rests_while_the_weights_warm_up(tiny: Space, clips: Path, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"warmup_epochs": 1})
    searched(tiny, clips, tmp_path / "run", 1, settings)
    first, second, third = read_alpha(tmp_path / "run" / "step1")
    assert first["probabilities"] == second["probabilities"] != third["probabilities"]


@pytest.mark.parametrize(("step", "message"), [(4, "has no step 4: its steps are 1, 2, 3")])
def test_an_unknown_step_is_refused(tiny: Space, clips: Path, tmp_path: Path, step: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        searched(tiny, clips, tmp_path / "run", step)


def test_one_sample_and_a_missing_data_set_are_refused(tiny: Space, clips: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="samples = 1"):
        searched(tiny, clips, tmp_path / "run", 1, SETTINGS.model_copy(update={"samples": 1}))
    with pytest.raises(UsageError, match="no data set is given"):
        search(tiny, step=1, run=tmp_path / "run", device="cpu")


def test_a_search_goes_on_where_its_data_set_was_moved_to(tiny: Space, clips: Path, tmp_path: Path) -> None:
    before, after, other = tmp_path / "before", tmp_path / "after", tmp_path / "other"
    shutil.copytree(clips, before)
    searched(tiny, before, tmp_path / "run", 1)
    shutil.copytree(before, after)
    with pytest.raises(UsageError, match=r"data is .*after, was .*before"):
        searched(tiny, after, tmp_path / "run", 2)
    shutil.rmtree(before)
    shutil.copytree(after, other)
    next((other / "train").rglob("*.mp4")).unlink()
    with pytest.raises(UsageError, match="does not hold the training clips"):
        searched(tiny, other, tmp_path / "run", 2)
    searched(tiny, after, tmp_path / "run", 2)
    assert json.loads((tmp_path / "run" / "settings.json").read_text())["settings"]["data"] == str(after)


def test_a_step_refuses_classes_that_the_weights_before_it_do_not_know(
    tiny: Space, clips: Path, tmp_path: Path
) -> None:
    shutil.copytree(clips, tmp_path / "clips")
    searched(tiny, tmp_path / "clips", tmp_path / "run", 1)
    for split in ("train", "val"):
        first = min((tmp_path / "clips" / split).iterdir())
        first.rename(first.with_name("zebra"))  # as many classes as before, but the others get new numbers
    with pytest.raises(UsageError, match="was not trained on 1 of the 8 classes: 'zebra'"):
        searched(tiny, tmp_path / "clips", tmp_path / "run", 2)


class Told(tsdsl.Callback):
    """Keeps which steps begin, log and end."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    def begin(self, run: Path, settings: Mapping[str, Any]) -> None:
        self.calls.append((run.name, f"begin with {settings['samples']} samples"))

    def log(self, run: Path, iteration: int, values: Mapping[str, float | int]) -> None:
        assert "training/loss" in values
        self.calls.append((run.name, str(iteration)))

    def end(self, run: Path, result: Mapping[str, Any]) -> None:
        self.calls.append((run.name, f"end of step {result['step']}"))


def test_each_step_is_told_to_callbacks_once(tiny: Space, clips: Path, tmp_path: Path) -> None:
    told = Told()
    options: dict[str, Any] = {"data": clips, "settings": SETTINGS, "data_settings": DATA, "device": "cpu"}
    search(tiny, step=1, run=tmp_path, callbacks=[told], cadence=Cadence(log_iterations=4), **options)
    assert told.calls == [
        ("step1", "begin with 2 samples"),
        ("step1", "4"),
        ("step1", "8"),
        ("step1", "end of step 1"),
    ]
    search(tiny, step=1, run=tmp_path, callbacks=[told], **options)
    assert len(told.calls) == 4
