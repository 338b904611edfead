"""The front of a finished step: by log P as good as what the step found, and by measurements with intervals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from support.small_spaces import everything
from tsdsl.errors import FileError
from tsdsl.report.landscape import predictions
from tsdsl.searching.front import step_front
from tsdsl.searching.methods.baselines import Evaluation
from tsdsl.searching.methods.evaluation_log import EvaluationLog, Measured
from tsdsl.searching.progressive import search
from tsdsl.searching.record.outcome import read_result
from tsdsl.searching.record.run_record import step_directory
from tsdsl.searching.settings import DataSettings, SearchSettings
from tsdsl.space.architecture import read_architecture
from tsdsl.space.model import Space

SETTINGS = SearchSettings(method="parsec", samples=2, batch_size=8, epochs=1, recalibration_batches=1)


@pytest.fixture(scope="module")
def searched(tiny: Space, clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("front") / "run"
    for step in (1, 2):
        search(tiny, step=step, data=clips, run=run, settings=SETTINGS, data_settings=DataSettings(), device="cpu")
    return run


@pytest.mark.parametrize("step", [1, 2])
def test_the_front_by_log_p_is_as_good_as_what_the_step_found(tiny: Space, searched: Path, step: int) -> None:
    found = step_front(searched, tiny, step)
    target = tiny.step(step).target_macs
    within = [point for point in found.points if target is None or point.flops <= target]
    result = read_result(step_directory(searched, step))
    assert found.score == "log P"
    assert result is not None
    # Of equally probable ones the front has the cheapest.
    assert within[-1].score == pytest.approx(result.log_probability, abs=1e-6)
    assert within[-1].flops <= result.flops
    assert all(a.flops < b.flops and a.score < b.score for a, b in zip(found.points, found.points[1:], strict=False))


def test_measured_accuracies_are_predicted_with_intervals(tiny: Space, searched: Path, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    every = everything(tiny, 1)
    worth = {(path, value): draw.normal(scale=0.05) for one in every for path, value in one.items()}
    truth = {tuple(one.items()): 0.5 + sum(worth[pair] for pair in one.items()) for one in every}
    run = tmp_path / "run"
    (run / "step1").mkdir(parents=True)
    (run / "step1" / "result.json").write_bytes((searched / "step1" / "result.json").read_bytes())
    log = EvaluationLog(run / "step1")
    for number in range(60):
        one = every[number % len(every)]
        log.append(Measured(Evaluation(one, truth[tuple(one.items())] + draw.normal(scale=0.01)), 0.0))
    found = step_front(run, tiny, 1)
    accuracies = [truth[tuple(point.decisions.items())] for point in found.points]
    assert found.score == "predicted accuracy"
    assert accuracies[-1] == max(truth.values())
    assert [prediction.macs for prediction in predictions(run, tiny)] == [point.flops for point in found.points]
    for point, accuracy in zip(found.points, accuracies, strict=True):
        assert point.score == pytest.approx(accuracy, abs=0.02)
        assert point.low is not None
        assert point.high is not None
        assert point.low < point.score < point.high < point.low + 0.05


def test_a_step_that_is_not_finished_is_refused(tiny: Space, searched: Path) -> None:
    assert predictions(searched, tiny) == []  # alpha predicts no accuracy
    with pytest.raises(FileError, match="is not a finished step"):
        step_front(searched, tiny, 3)


def test_the_front_of_a_posterior_is_as_good_as_what_thompson_sampling_found(
    tiny: Space, clips: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    settings = SearchSettings(
        method="thompson", score="likelihood", samples=4, batch_size=4, epochs=2, recalibration_batches=1
    )
    search(tiny, step=1, data=clips, run=run, settings=settings, data_settings=DataSettings(), device="cpu")
    result = read_result(step_directory(run, 1))
    assert result is not None
    assert result.target is not None
    found = step_front(run, tiny, 1)
    assert found.score == "score above the average"
    within = [point for point in found.points if point.flops <= result.target]
    (own,) = [one for one in result.top if one.decisions == read_architecture(result.architecture).decisions]
    # The best of the posterior mean within the target, with the same interval.
    assert within[-1].score == pytest.approx(own.score, abs=1e-6)
    assert within[-1].flops <= result.flops
    assert within[-1].high is not None
    assert within[-1].high - within[-1].score == pytest.approx(1.96 * own.deviation, rel=1e-6)
    assert predictions(run, tiny) == []  # it is no accuracy
    posterior = run / "step1" / "posterior.safetensors"
    posterior.write_bytes(posterior.read_bytes()[:-8] + bytes(8))
    with pytest.raises(FileError, match="was changed after the run was finished"):
        step_front(run, tiny, 1)
