"""Training from scratch: resuming changes nothing, and every way to stop is told."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import tsdsl
from support.memory_clips import MemoryClips, MemoryViews, memory_data, tiny_architecture, tiny_blueprint
from tsdsl.check.stored import space_from_dict
from tsdsl.engine.evaluation.evaluate import evaluate_views
from tsdsl.engine.ranks.interruption import InterruptedRunError
from tsdsl.engine.recipe import CheckpointPolicy, TrainSettings
from tsdsl.engine.runs.directory import RunDirectory
from tsdsl.engine.runs.metrics import read_metrics
from tsdsl.engine.runs.sealed import measured, sealed
from tsdsl.engine.training.record import KIND, TrainRecord, TrainResult, read_train_result
from tsdsl.engine.training.schedule import learning_rate
from tsdsl.engine.training.train import train
from tsdsl.engine.training_data import TrainingData
from tsdsl.errors import FileError, RunError, UsageError
from tsdsl.lowering.model import Model
from tsdsl.lowering.weights import load_weights
from tsdsl.network.layout import Blueprint

SETTINGS = TrainSettings(
    epochs=3, batch_size=4, learning_rate=2.0, precise_norm_batches=2, evaluate_every_epochs=2, seed=5
)
EVERY_ITERATION = CheckpointPolicy(every_iterations=1)
KILLED_RUN = """
import os, signal, sys
from pathlib import Path
from support.memory_clips import memory_data, tiny_architecture, tiny_blueprint
from tsdsl.engine.recipe import CheckpointPolicy, TrainSettings
from tsdsl.engine.runs.directory import RunDirectory
from tsdsl.engine.training.train import train

def die(iteration):
    if iteration == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

settings = TrainSettings.model_validate_json(sys.argv[3])
train(tiny_blueprint(), tiny_architecture(), memory_data(die), settings, RunDirectory(Path(sys.argv[1])),
      checkpoints=CheckpointPolicy(every_iterations=1))
"""


class Death(BaseException):
    """Ends a run where it stands, as a kill does."""


def run_training(
    folder: Path,
    before: Callable[[int], None] | None = None,
    settings: TrainSettings = SETTINGS,
    data: TrainingData | None = None,
    policy: CheckpointPolicy = EVERY_ITERATION,
) -> TrainResult:
    run = RunDirectory(folder)
    data = data or memory_data(before)
    return train(tiny_blueprint(), tiny_architecture(), data, settings, run, checkpoints=policy)


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was never interrupted."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    run_training(folder)
    return folder


def assert_same_outcome(folder: Path, other: Path) -> None:
    ours, theirs = load_file(folder / "weights.safetensors"), load_file(other / "weights.safetensors")
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []
    assert (folder / "best.safetensors").read_bytes() == (other / "best.safetensors").read_bytes()
    assert metrics_of(folder) == metrics_of(other)
    exclude = {"seconds", "environment"}
    assert result_of(folder).model_dump(exclude=exclude) == result_of(other).model_dump(exclude=exclude)


def metrics_of(folder: Path) -> list[dict[str, object]]:
    return [{k: v for k, v in line.items() if k != "seconds"} for line in read_metrics(folder)]


def result_of(folder: Path) -> TrainResult:
    return read_train_result(RunDirectory(folder))


def test_training_learns_and_says_what_came_out(whole_run: Path) -> None:
    result = result_of(whole_run)
    lines = read_metrics(whole_run)
    assert [line["iteration"] for line in lines] == [3, 6, 9]
    assert lines[-1]["train/loss"] < lines[0]["train/loss"]
    assert [("val/top1" in line) for line in lines] == [False, True, True]
    assert (result.iterations, result.epochs) == (9, 3)
    assert result.train_loss == lines[-1]["train/loss"]
    assert result.params == sum(p.numel() for p in Model(tiny_blueprint().network({})).parameters())


def test_the_reported_accuracy_is_that_of_the_saved_weights(whole_run: Path) -> None:
    model = Model(tiny_blueprint().network({}))
    load_weights(whole_run / "weights.safetensors", model)
    assert evaluate_views(model, MemoryViews()).top1 == result_of(whole_run).val_top1


@pytest.mark.parametrize("fatal_iteration", [0, 4, 6, 8])
def test_a_run_that_died_ends_as_if_it_had_not(tmp_path: Path, whole_run: Path, fatal_iteration: int) -> None:
    def die(iteration: int) -> None:
        if iteration == fatal_iteration:
            raise Death

    with pytest.raises(Death):
        run_training(tmp_path / "run", die)
    run_training(tmp_path / "run")
    assert_same_outcome(tmp_path / "run", whole_run)


def test_a_disk_that_fills_up_is_told_and_room_is_all_that_is_needed_to_go_on(tmp_path: Path, whole_run: Path) -> None:
    """A limit on the size of files stands for the full disk: the kernel refuses to write more."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill_up(iteration: int) -> None:
        if iteration == 4:
            resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limits[1]))

    try:
        with pytest.raises(FileError, match=r"checkpoint-00000005: the checkpoint cannot be written \(.*(large|27)"):
            run_training(tmp_path / "run", fill_up)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert sorted(p.name for p in (tmp_path / "run" / "checkpoints").iterdir())[-1] == "checkpoint-00000004"
    run_training(tmp_path / "run")
    assert_same_outcome(tmp_path / "run", whole_run)


def test_the_weights_of_the_best_validation_are_kept_as_measured(whole_run: Path) -> None:
    lines = [line for line in read_metrics(whole_run) if "val/top1" in line]
    result = result_of(whole_run)
    assert result.best_top1 == max(line["val/top1"] for line in lines)
    assert result.best_epoch == next(line["epoch"] for line in lines if line["val/top1"] == result.best_top1)
    model = Model(tiny_blueprint().network({}))
    load_weights(whole_run / "best.safetensors", model)
    assert evaluate_views(model, MemoryViews()).top1 == result.best_top1


def test_a_run_killed_with_sigkill_ends_as_if_it_had_not(tmp_path: Path, whole_run: Path) -> None:
    folder = tmp_path / "run"
    arguments = [str(folder), "7", SETTINGS.model_dump_json()]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    killed = subprocess.run([sys.executable, "-c", KILLED_RUN, *arguments], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (folder / "result.json").exists()
    run_training(folder)
    assert_same_outcome(folder, whole_run)


def test_a_truncated_checkpoint_costs_one_interval_and_nothing_else(tmp_path: Path, whole_run: Path) -> None:
    def die(iteration: int) -> None:
        if iteration == 5:
            raise Death

    with pytest.raises(Death):
        run_training(tmp_path / "run", die)
    newest = sorted((tmp_path / "run" / "checkpoints").iterdir())[-1] / "tensors.safetensors"
    newest.write_bytes(newest.read_bytes()[:-100])
    begun_at: list[int] = []
    run_training(tmp_path / "run", begun_at.append)
    assert begun_at[0] == 4
    assert_same_outcome(tmp_path / "run", whole_run)


def test_a_checkpoint_of_another_shape_is_reported_even_where_its_hashes_fit(tmp_path: Path) -> None:
    def die(iteration: int) -> None:
        if iteration == 2:
            raise Death

    with pytest.raises(Death):
        run_training(tmp_path, die)
    newest = sorted((tmp_path / "checkpoints").iterdir())[-1]
    state, tensors = newest / "state.json", newest / "tensors.safetensors"
    content = json.loads(state.read_text())
    del content["sha256"]
    state.write_text(sealed({**content, "state": {**content["state"], "epoch": "1"}}))
    with pytest.raises(FileError, match=rf"{newest.name}: its state is not that of a training \(epoch: "):
        run_training(tmp_path)
    save_file({**load_file(tensors), "model/other": torch.zeros(1)}, tensors)
    state.write_text(sealed({**content, "tensors": measured(tensors)}))
    with pytest.raises(FileError, match=rf"{newest.name}: its tensors do not fit this training .unknown model/other"):
        run_training(tmp_path)


@pytest.mark.parametrize(("fatal_iteration", "visit"), [(4, 1), (5, 1), (9, 1), (9, 2)])
def test_sigterm_saves_and_tells_how_to_go_on(
    tmp_path: Path, whole_run: Path, fatal_iteration: int, visit: int
) -> None:
    """Iteration 5 ends an epoch; 9, after the last, is for the BN statistics of the two validations."""
    visits = Counter[int]()

    def ask(iteration: int) -> None:
        visits[iteration] += 1
        if iteration == fatal_iteration and visits[iteration] == visit:
            os.kill(os.getpid(), signal.SIGTERM)

    only_at_ends = CheckpointPolicy()
    with pytest.raises(InterruptedRunError, match="SIGTERM") as caught:
        run_training(tmp_path / "run", ask, policy=only_at_ends)
    assert caught.value.exit_code == 143
    assert "same command" in str(caught.value.help)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    run_training(tmp_path / "run", policy=only_at_ends)
    assert_same_outcome(tmp_path / "run", whole_run)


def test_the_final_weights_have_the_statistics_of_the_last_validation_or_the_same_computed_anew(
    tmp_path: Path, whole_run: Path
) -> None:
    visits: list[int] = []
    run_training(tmp_path, visits.append)
    assert visits.count(9) == 2
    for name in ("result.json", "weights.safetensors"):
        (tmp_path / name).unlink()
    run_training(tmp_path, visits.append)
    assert visits.count(9) == 3
    assert_same_outcome(tmp_path, whole_run)


def test_a_finished_run_returns_at_once(tmp_path: Path) -> None:
    first = run_training(tmp_path)
    touched: list[int] = []
    assert run_training(tmp_path, touched.append) == first
    assert touched == []


def test_another_seed_gives_other_weights(tmp_path: Path, whole_run: Path) -> None:
    run_training(tmp_path, settings=SETTINGS.model_copy(update={"seed": 6}))
    name = "head.classifier.project.weight"
    ours, theirs = (load_file(folder / "weights.safetensors")[name] for folder in (tmp_path, whole_run))
    assert not torch.equal(ours, theirs)


def test_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    run_training(tmp_path)
    with pytest.raises(UsageError, match=r"settings\.epochs is 9, was 3"):
        run_training(tmp_path, settings=SETTINGS.model_copy(update={"epochs": 9}))


def test_the_global_generator_is_left_alone(tmp_path: Path) -> None:
    torch.manual_seed(11)
    before = torch.get_rng_state()
    run_training(tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_loss_that_is_no_number_stops_with_the_batch_named(tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"learning_rate": 1e30, "warmup_fraction": 0.0})
    with pytest.raises(RunError, match=r"(loss of tiny is|is not finite)"):
        run_training(tmp_path, settings=settings)
    store = tmp_path / "checkpoints"
    for folder in store.iterdir() if store.exists() else ():
        tensors = load_file(folder / "tensors.safetensors")
        assert all(bool(t.isfinite().all()) for t in tensors.values() if t.is_floating_point())


def test_a_batch_with_a_loss_that_is_no_number_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsdsl.engine.training.step.normalise", lambda clips: clips.float() * float("nan"))
    with pytest.raises(RunError, match=r"epoch 1, batch 0: the loss of tiny is nan; its clips: clip\d\d.* 1 more"):
        run_training(tmp_path)


def test_an_architecture_with_a_loss_that_is_no_number_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "s.tsspace").write_text(
        "tsspace 1\nspace small { classes = 3  size = 12\n  stream sparse { frames = 4\n"
        "    stage 1 { group conv3d(kernel = 1x3x3, channels = {4, 8}, stride = 4) } }\n  head { features = 8 } }\n"
    )
    space = tsdsl.load(tmp_path / "s.tsspace")
    chosen = next(iter(space.sample(1)))
    monkeypatch.setattr("tsdsl.engine.training.step.normalise", lambda clips: clips.float() * float("nan"))
    with pytest.raises(RunError, match=r"the loss of small with sparse\.stage1\.group1\.channels=[48] is nan"):
        train(Blueprint(space), chosen, memory_data(), SETTINGS, RunDirectory(tmp_path / "run"))


def test_without_validation_videos_there_is_no_validation_accuracy(tmp_path: Path) -> None:
    result = run_training(tmp_path, data=TrainingData(MemoryClips()))
    assert result.val_top1 is None


def test_running_statistics_are_used_where_none_are_averaged(tmp_path: Path) -> None:
    run_training(tmp_path, settings=SETTINGS.model_copy(update={"precise_norm_batches": 0}))
    final = load_file(tmp_path / "weights.safetensors")
    newest = sorted((tmp_path / "checkpoints").iterdir())[-1] / "tensors.safetensors"
    running = load_file(newest)
    assert all(torch.equal(tensor, running[f"model/{name}"]) for name, tensor in final.items())


def test_averaged_statistics_are_in_the_final_weights_only(whole_run: Path) -> None:
    final = load_file(whole_run / "weights.safetensors")
    newest = sorted((whole_run / "checkpoints").iterdir())[-1] / "tensors.safetensors"
    running = load_file(newest)
    differing = {
        name.rsplit(".", 1)[1] for name, tensor in final.items() if not torch.equal(tensor, running[f"model/{name}"])
    }
    assert differing == {"running_mean", "running_var", "num_batches_tracked"}


def test_clips_skipped_before_a_kill_are_in_the_result(tmp_path: Path) -> None:
    data = memory_data()

    def meet_then_die(iteration: int) -> None:
        data.training.skipped.add(Path("bad.mp4"), "it is truncated")
        if iteration == 4:
            raise Death

    assert isinstance(data.training, MemoryClips)
    data.training.before = meet_then_die
    with pytest.raises(Death):
        run_training(tmp_path, data=data)
    assert run_training(tmp_path).skipped == {"bad.mp4": "it is truncated"}


def test_reading_the_result_of_an_unfinished_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="is not finished"):
        read_train_result(RunDirectory(tmp_path))


def test_the_run_records_the_architecture_and_all_settings(whole_run: Path) -> None:
    record = json.loads((whole_run / "settings.json").read_text())
    assert record["kind"] == "train"
    assert record["settings"]["settings"]["learning_rate"] == 2.0
    assert record["settings"]["fingerprint"] == tiny_architecture().fingerprint
    assert json.loads((whole_run / "architecture.json").read_text())["space"] == "tiny"
    stored = space_from_dict(json.loads((whole_run / "space.json").read_text()))
    assert stored.fingerprint == record["settings"]["fingerprint"]


def extended(folder: Path, epochs: int, before: Callable[[int], None] | None = None) -> TrainResult:
    """The run in a folder, extended to `epochs`."""
    longer = SETTINGS.model_copy(update={"epochs": epochs})
    return train(
        tiny_blueprint(),
        tiny_architecture(),
        memory_data(before),
        longer,
        folder,
        checkpoints=EVERY_ITERATION,
        extend=True,
    )


def test_an_extended_run_goes_on_with_the_learning_rate_of_its_new_epochs(tmp_path: Path) -> None:
    run_training(tmp_path)
    begun_at: list[int] = []
    result = extended(tmp_path, 5, begun_at.append)
    assert begun_at[0] == 9
    assert (result.epochs, result.iterations) == (5, 15)
    rates = {line["iteration"]: line["learning_rate"] for line in read_metrics(tmp_path)}
    schedule = (SETTINGS.peak_learning_rate, SETTINGS.warmup_fraction, SETTINGS.warmup_start)
    for iteration, epochs in ((3, 3), (9, 3), (12, 5), (15, 5)):
        expected = learning_rate(schedule[0], (iteration - 1) / (3 * epochs), *schedule[1:])
        assert rates[iteration] == expected
    assert extended(tmp_path, 5) == result
    assert extended(tmp_path, 6).iterations == 18


@pytest.mark.parametrize("fatal_iteration", [9, 10, 13])
def test_an_extended_run_that_died_ends_as_if_it_had_not(tmp_path: Path, fatal_iteration: int) -> None:
    for name in ("whole", "died"):
        run_training(tmp_path / name)
    extended(tmp_path / "whole", 5)

    def die(iteration: int) -> None:
        if iteration == fatal_iteration:
            raise Death

    with pytest.raises(Death):
        extended(tmp_path / "died", 5, die)
    newest = sorted((tmp_path / "died" / "checkpoints").iterdir())[-1] / "tensors.safetensors"
    newest.write_bytes(b"")  # so that it goes on from an iteration before it was extended, or from one after
    extended(tmp_path / "died", 5)
    assert_same_outcome(tmp_path / "died", tmp_path / "whole")


def test_an_unfinished_run_is_extended_from_its_last_checkpoint(tmp_path: Path) -> None:
    def die(iteration: int) -> None:
        if iteration == 5:
            raise Death

    with pytest.raises(Death):
        run_training(tmp_path, die)
    extended(tmp_path, 4)
    (extension,) = RunDirectory(tmp_path).read_settings(KIND, TrainRecord).extensions
    assert (extension.iteration, extension.epochs) == (5, 3)


def test_a_run_killed_between_losing_its_result_and_being_extended_can_be_either(
    tmp_path: Path, whole_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_training(tmp_path)

    def die(*_: object) -> None:
        raise Death

    with monkeypatch.context() as patch:
        patch.setattr(RunDirectory, "replace_settings", die)
        with pytest.raises(Death):
            extended(tmp_path, 5)
    assert not (tmp_path / "result.json").exists()
    run_training(tmp_path)
    assert_same_outcome(tmp_path, whole_run)
    assert extended(tmp_path, 5).iterations == 15


def test_what_cannot_change_in_a_run_names_the_remedy(tmp_path: Path) -> None:
    run_training(tmp_path)
    with pytest.raises(UsageError) as caught:
        run_training(tmp_path, settings=SETTINGS.model_copy(update={"epochs": 9}))
    assert caught.value.help == f"`tsdsl train {tmp_path} --epochs 9` extends the run"
    changed = SETTINGS.model_copy(update={"epochs": 9, "momentum": 0.5})
    with pytest.raises(UsageError, match=r"settings\.momentum is 0\.5, was 0\.9") as caught:
        train(tiny_blueprint(), tiny_architecture(), memory_data(), changed, tmp_path, extend=True)
    assert f"--run FOLDER --weights {tmp_path}/weights.safetensors" in str(caught.value.help)
    assert (tmp_path / "result.json").exists()
    for path in (tmp_path / "checkpoints").iterdir():
        shutil.rmtree(path)
    with pytest.raises(UsageError, match="its checkpoints were removed") as caught:
        extended(tmp_path, 5)
    assert f"--weights {tmp_path}/weights.safetensors" in str(caught.value.help)
    with pytest.raises(UsageError, match=r"settings\.epochs is 2, was 3"):
        extended(tmp_path, 2)
