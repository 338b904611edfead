"""`tsdsl benchmark` and `tsdsl.benchmarks`."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest

from tsdsl import benchmarks
from tsdsl.cli.main import run
from tsdsl.errors import UsageError


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = [
        {
            "decisions": {"a": one, "b": two, "c": three},
            "accuracy": 70 + one + 2 * two + 3 * three,
            "test_accuracy": 60 + one + 2 * two + 3 * three,
            "flops": 1e6 * (one + two + three),
        }
        for one, two, three in product(range(4), repeat=3)
    ]
    path = tmp_path / "table.json"
    decisions = {name: [0, 1, 2, 3] for name in "abc"}
    path.write_text(json.dumps({"name": "sums", "decisions": decisions, "architectures": rows}))
    return path


def test_all_methods_are_compared_and_what_is_reported_is_the_test_accuracy(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["benchmark", str(table), "--method", "all", "--evaluations", "32", "--seeds", "3", "--within", "6 MFLOPs"]
    assert run([*asked, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told["methods"]) == set(benchmarks.METHODS)
    # The best with a + b + c <= 6 is 0, 3, 3.
    assert told["methods"]["thompson"]["accuracies"] == [75.0] * 3
    assert all(max(method["accuracies"]) <= 75 for method in told["methods"].values())
    assert run(asked) == 0
    assert "thompson        75.00 [75.00, 75.00]" in capsys.readouterr().out


def test_the_same_from_python(table: Path) -> None:
    loaded = benchmarks.load_table(table)
    ending = benchmarks.run(loaded, "random", evaluations=5, seeds=10)
    low, high = ending.interval
    assert low <= ending.mean <= high
    assert ending.deviation > 0
    assert ending.accuracies == benchmarks.run(loaded, "random", evaluations=5, seeds=10).accuracies
    with pytest.raises(UsageError, match="annealing is not a method"):
        benchmarks.run(loaded, "annealing")


def test_noise_makes_look_ups_differ(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["benchmark", str(table), "--evaluations", "160", "--seeds", "2", "--noise", "3"]
    assert run([*asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["noise"] == 3.0


def test_a_batch_without_noise_is_refused(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["benchmark", str(table), "--batch", "4", "--seeds", "1"]) == 2
    assert "--batch has no effect without --noise" in capsys.readouterr().err


def test_all_leaves_out_the_methods_that_cannot_search_the_table(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = json.loads(table.read_text())
    # parsec-paper draws from all combinations, and half of them are not in the table any more.
    content["architectures"] = content["architectures"][1::2]
    table.write_text(json.dumps(content))
    asked = ["benchmark", str(table), "--method", "all", "--evaluations", "16", "--seeds", "2", "--json"]
    assert run(asked) == 0
    printed = capsys.readouterr()
    assert set(json.loads(printed.out)["methods"]) == set(benchmarks.METHODS) - {"parsec-paper"}
    assert "parsec-paper is left out: sums: has no accuracy of the architecture" in " ".join(printed.err.split())
    # What stops every method is an error.
    assert run([*asked, "--within", "0.5 MFLOPs"]) == 2
    assert "no architecture has at most" in " ".join(capsys.readouterr().err.split())
