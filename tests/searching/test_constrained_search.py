"""A search of a space with `require` draws, keeps and finds only what satisfies it, by either budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import pytest

from support.search_spaces import TINY, load_text
from tsdsl.analysis.tables.cost_table import architecture_cost
from tsdsl.network.layout import Blueprint
from tsdsl.searching.learning.step_samples import StepSamples
from tsdsl.searching.progressive import search
from tsdsl.searching.settings import Cadence, DataSettings, SearchSettings
from tsdsl.space.architecture import read_architecture
from tsdsl.space.model import Space
from tsdsl.space.parts import Value

REQUIRES = """  require sparse.stage[1].group[2].channels >= sparse.stage[1].group[1].channels
  require sparse.stage[1].group[2].expansion * 4 + sparse.stage[1].group[1].channels != 12
  require params <= 2.4 Kparams
  require fusion.stage[1].group[1].op != time_strided_sample
}
"""


def satisfies(space: Space, one: Mapping[str, Value], step: int) -> bool:
    """The constraints of REQUIRES once more, on what is there after a step."""
    first, second = one["sparse.stage1.group1.channels"], one["sparse.stage1.group2.channels"]
    expansion = one["sparse.stage1.group2.expansion"]
    assert isinstance(first, int)
    assert isinstance(second, int)
    assert isinstance(expansion, float)
    params = architecture_cost(Blueprint(space), one, step)[1]
    return (
        second >= first
        and expansion * 4 + first != 12
        and (step < 3 or params <= 2400)
        and one.get("fusion.stage1.group1.op") != "time_strided_sample"
    )


@pytest.mark.parametrize(
    ("method", "budget", "warmup"),
    [("parsec", "hinge", "sandwich"), ("parsec", "condition", "drawn"), ("thompson", "hinge", "drawn")],
)
def test_all_that_is_drawn_and_found_satisfies_the_constraints(
    clips: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    method: Literal["parsec", "thompson"],
    budget: Literal["hinge", "condition"],
    warmup: Literal["drawn", "sandwich"],
) -> None:
    space = load_text(tmp_path, TINY.removesuffix("}\n") + REQUIRES)
    assert len(space.requires) == 4
    drawn: list[dict[str, Value]] = []
    training, validation, sandwich = StepSamples.training, StepSamples.validation, StepSamples.sandwich

    def watching(
        draws: Callable[[StepSamples, int], list[dict[str, Value]]],
    ) -> Callable[[StepSamples, int], list[dict[str, Value]]]:
        def watched(self: StepSamples, iteration: int) -> list[dict[str, Value]]:
            found = draws(self, iteration)
            drawn.extend(found)
            return found

        return watched

    monkeypatch.setattr(StepSamples, "training", watching(training))
    monkeypatch.setattr(StepSamples, "validation", watching(validation))
    monkeypatch.setattr(StepSamples, "sandwich", watching(sandwich))
    settings = SearchSettings(
        method=method,
        budget=budget,
        warmup_epochs=1,
        warmup_samples=warmup,
        samples=4,
        batch_size=4,
        recalibration_batches=2,
        alpha_lr=0.2,
    )
    cadence = Cadence(checkpoint_iterations=8, log_iterations=8)
    for step in (1, 2, 3):
        drawn.clear()
        result = search(
            space,
            step=step,
            data=clips,
            run=tmp_path / "run",
            settings=settings,
            data_settings=DataSettings(cache=True),
            cadence=cadence,
            device="cpu",
        )
        assert len(drawn) >= 32
        assert all(satisfies(space, one, step) for one in drawn)
        assert satisfies(space, read_architecture(result.architecture).decisions, step)
        assert result.flops <= (space.step(step).target_macs or 0)
