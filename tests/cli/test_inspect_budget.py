"""`tsdsl inspect --within` and `tsdsl sample --within` on the quickstart's space."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import tsdsl
from tsdsl.cli.inspect import witness_lines
from tsdsl.cli.main import run
from tsdsl.network.activations import peak_activation_bytes
from tsdsl.network.layout import Blueprint

TINY = str(Path(__file__).parent.parent.parent / "spaces" / "tiny.tsspace")


def facts_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert run(["inspect", TINY, "--within", "3.6M", "--json", *arguments]) == 0
    budget: dict[str, object] = json.loads(capsys.readouterr().out)["budget"]
    return budget


def test_a_budget_is_counted_exactly_unless_asked_to_be_fast(capsys: pytest.CaptureFixture[str]) -> None:
    exact = facts_of(capsys, "--step", "1")
    assert exact["at_least"] == exact["at_most"]
    fast = facts_of(capsys, "--step", "1", "--fast")
    assert int(str(fast["at_least"])) <= int(str(exact["at_least"])) <= int(str(fast["at_most"]))
    assert run(["inspect", TINY, "--step", "1", "--within", "3.6M"]) == 0
    assert f"{int(str(exact['at_least'])):,} of" in capsys.readouterr().out


def test_bounds_of_activations_are_told_with_witnesses_and_by_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", TINY, "--step", "1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    bounds = report["steps"][0]["activation_bytes"]
    blueprint = Blueprint(tsdsl.load(TINY))
    for end in ("min", "max"):
        network = blueprint.network(report["witnesses"][f"{end}_activation_bytes"], 1)
        assert peak_activation_bytes(network) == bounds[end]
    assert run(["inspect", TINY, "--step", "1"]) == 0
    shown = capsys.readouterr().out
    assert "MB at most at once, scoring a clip in float32" in shown
    assert "sparse.stage1.group1  t=1 k=3 expansion=1.5 channels=16" in shown


def test_what_is_nested_in_a_slot_stays_on_its_line() -> None:
    assert witness_lines(
        {"shared.width": 8, "fusion.stage1.group1.op": "conv", "fusion.stage1.group1.op.conv.r": 2.0}
    ) == [
        "shared                width=8",
        "fusion.stage1.group1  op=conv op.conv.r=2",
    ]


def test_fast_alone_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", TINY, "--fast"]) == 2
    assert "--fast has no effect without --within" in capsys.readouterr().err


def test_samples_of_the_rarest_window_are_the_cheapest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", TINY, "--json"]) == 0
    least = json.loads(capsys.readouterr().out)["flops"]["min"]
    assert run(["sample", TINY, "-n", "3", "--within", f"..{least}", "--json"]) == 0
    assert {json.loads(line)["flops"] for line in capsys.readouterr().out.splitlines()} == {least}
    assert run(["sample", TINY, "--within", f"..{least - 1}"]) == 2
