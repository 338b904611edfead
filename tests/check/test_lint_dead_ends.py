"""Dead ends that are told are dead ends: whatever the later steps choose, the constraint does not hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

import tsdsl
from support.constraint_reference import satisfies
from support.small_spaces import everything
from tsdsl.analysis.paths.feasible import Unsatisfiable
from tsdsl.analysis.questions.counting import counts
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.check.check import check
from tsdsl.check.lint_dead_ends import dead_end
from tsdsl.network.layout import Blueprint
from tsdsl.source import SourceFile

TWO_STEPS = """tsspace 1
space small {{
  classes = 4  size = 16
  stream slow {{ frames = 2 stage 0 {{ group conv3d(kernel = {{1x1x1, 1x3x3}}, channels = {{4, 8, 64}}) }} }}
  stream fast {{ frames = 4 stage 0 {{ group conv3d(kernel = {{1x3x3, 3x3x3}}, channels = {{2, 4}}) }} }}
  require {constraint}
  step 1 {{ search = slow  epochs = 1 }}
  step 2 {{ search = fast  epochs = 1 }}
}}
"""


def space_with(constraint: str) -> tsdsl.Space:
    checked = check(SourceFile("x", TWO_STEPS.format(constraint=constraint)))
    assert [d.message for d in checked.diagnostics if d.severity == "error"] == []
    return checked.spaces[0].space


@pytest.mark.parametrize(
    "constraint",
    [
        "slow.flops >= 2 * fast.flops",
        "slow.flops <= 2 * fast.flops",
        "slow.params + fast.params <= 1 Kparams",
        "slow.flops == 2 * fast.flops",
        "slow.stage[0].group[1].channels <= fast.stage[0].group[1].channels",
        "flops >= 1 MFLOPs",
    ],
)
def test_no_later_choice_leads_out_of_a_dead_end(constraint: str) -> None:
    space = space_with(constraint)
    found = dead_end(space, 0)
    assert found is not None
    step, choices = found
    assert step.index == 2
    assert all(path.startswith("slow.") for path in choices)
    loose = replace(space, requires=())
    ways_on = [one for one in everything(loose) if choices.items() <= one.items()]
    assert ways_on
    blueprint = Blueprint(space)
    assert not any(satisfies(blueprint, one, 2) for one in ways_on)


@pytest.mark.parametrize("constraint", ["slow.flops >= 0.01 * fast.flops", "fast.flops >= 1 KFLOPs"])
def test_a_constraint_that_every_choice_can_still_satisfy_has_none(constraint: str) -> None:
    space = space_with(constraint)
    assert dead_end(space, 0) is None


def test_a_step_that_starts_in_a_dead_end_says_that_what_is_fixed_is_why() -> None:
    space = space_with("slow.flops >= 2 * fast.flops")
    found = dead_end(space, 0)
    assert found is not None
    free = FreeSpace(CostTable(Blueprint(space), 2), found[1])
    with pytest.raises(Unsatisfiable, match="with the fixed decisions, no architecture of small satisfies"):
        counts(free)
