"""The baselines on clips: what they train on, what they record, that they resume and stay within the target."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

import tsdsl.searching.methods.selection as selection
from tsdsl.engine.ranks.interruption import InterruptedRunError, Interruption
from tsdsl.engine.runs.metrics import read_metrics
from tsdsl.lowering.weights import read_tensors
from tsdsl.searching.distribution.factorised import Decisions
from tsdsl.searching.learning.learner import StepLearner
from tsdsl.searching.methods.evaluation_log import read_evaluations
from tsdsl.searching.progressive import search
from tsdsl.searching.record.outcome import SearchResult
from tsdsl.searching.settings import Cadence, DataSettings, SearchSettings
from tsdsl.space.architecture import problems, read_architecture
from tsdsl.space.model import Space

BASE = SearchSettings(
    method="evolution",
    samples=2,
    batch_size=4,
    epochs=1,
    recalibration_batches=2,
    evaluations=8,
    population=3,
    tournament=2,
    scoring_batches=1,
)


def searched(space: Space, clips: Path, run: Path, settings: SearchSettings, step: int = 1) -> SearchResult:
    return search(
        space,
        step=step,
        data=clips,
        run=run,
        settings=settings,
        data_settings=DataSettings(cache=True),
        cadence=Cadence(checkpoint_iterations=2, log_iterations=1),
        device="cpu",
    )


@pytest.fixture(scope="module")
def evolved(tiny: Space, clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("methods") / "evolution"
    searched(tiny, clips, run, BASE)
    return run


def test_the_most_accurate_of_those_measured_is_found(tiny: Space, clips: Path, evolved: Path) -> None:
    history = [entry.evaluation for entry in read_evaluations(evolved / "step1")]
    architecture = read_architecture(evolved / "step1" / "architecture.json")
    assert len(history) == 8
    target = tiny.step(1).target_macs or 0
    assert all((evaluation.macs or 0) <= target for evaluation in history)
    best = max(history, key=lambda evaluation: evaluation.accuracy)
    assert dict(architecture.decisions) == best.decisions
    assert problems(tiny, architecture) == []
    result = json.loads((evolved / "step1" / "result.json").read_text())
    assert result["method"] == "evolution"
    assert result["selection"] == "best seen"


def test_training_draws_only_within_the_target_and_leaves_alpha_uniform(evolved: Path) -> None:
    lines = read_metrics(evolved / "step1")
    assert len({line["entropy"] for line in lines}) == 1
    assert all(line["samples"] == 2 for line in lines)
    assert not any("validation/loss" in line for line in lines)


def test_random_search_and_evolution_measure_with_the_same_weights(
    tiny: Space, clips: Path, evolved: Path, tmp_path: Path
) -> None:
    searched(tiny, clips, tmp_path / "random", BASE.model_copy(update={"method": "random"}))
    one, other = (read_tensors(run / "step1" / "weights.safetensors") for run in (evolved, tmp_path / "random"))
    assert all(torch.equal(one[name], other[name]) for name in one)
    mine, theirs = (read_evaluations(run / "step1") for run in (evolved, tmp_path / "random"))
    assert [e.evaluation for e in mine[:3]] == [e.evaluation for e in theirs[:3]]


def test_single_path_trains_one_architecture_a_batch(tiny: Space, clips: Path, tmp_path: Path) -> None:
    result = searched(tiny, clips, tmp_path / "run", BASE.model_copy(update={"method": "single_path"}))
    assert all(line["samples"] == 1 for line in read_metrics(tmp_path / "run" / "step1"))
    iterations = read_metrics(tmp_path / "run" / "step1")[-1]["iteration"]
    assert result.samples == iterations + 8


def test_a_second_step_goes_on_from_what_a_baseline_found(tiny: Space, clips: Path, evolved: Path) -> None:
    second = searched(tiny, clips, evolved, BASE, step=2)
    first = read_architecture(evolved / "step1" / "architecture.json")
    found = read_architecture(second.architecture)
    assert first.decisions.items() <= found.decisions.items()
    assert second.flops <= (tiny.step(2).target_macs or 0)


def test_an_interrupted_measuring_goes_on_to_the_same_end(
    tiny: Space, clips: Path, evolved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    measured: list[Decisions] = []
    original = selection.shared_accuracy

    def interrupted(learner: StepLearner, decisions: Decisions, batches: object) -> float:
        measured.append(decisions)
        if len(measured) == 4:
            request.signal_number = 15
        return original(learner, decisions, batches)  # type: ignore[arg-type]

    request = Interruption()
    requests = iter([request, Interruption()])

    class Noted:
        def __enter__(self) -> Interruption:
            return next(requests)

        def __exit__(self, *_: object) -> None:
            return None

    monkeypatch.setattr("tsdsl.searching.progressive.interruption", lambda ranks: Noted())
    monkeypatch.setattr(selection, "shared_accuracy", interrupted)
    with pytest.raises(InterruptedRunError, match="SIGTERM"):
        searched(tiny, clips, run, BASE)
    kept = read_evaluations(run / "step1")
    assert 3 <= len(kept) < 8
    # A kill may tear the last line; it is measured again.
    with (run / "step1" / "evaluations.jsonl").open("a") as file:
        file.write('{"number": 4, "accur')
    searched(tiny, clips, run, BASE)
    again, whole = (read_evaluations(folder / "step1") for folder in (run, evolved))
    assert [e.evaluation for e in again] == [e.evaluation for e in whole]


def test_what_was_measured_is_forgotten_when_the_weights_are_trained_anew(
    tiny: Space, clips: Path, evolved: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(evolved, run)
    shutil.rmtree(run / "step1" / "checkpoints")
    (run / "step1" / "result.json").unlink()
    other = BASE.model_copy(update={"evaluations": 4, "seed": 5})
    searched(tiny, clips, run, other)
    assert len(read_evaluations(run / "step1")) == 4
