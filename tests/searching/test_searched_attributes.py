"""Every method searches words, strides, products, the head and conditions; what it finds is drawn and reported."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from support.search_spaces import load_text
from tsdsl.analysis.tables.constraints import violated
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.lowering import Model
from tsdsl.network.layout import Blueprint
from tsdsl.report.run import run_page
from tsdsl.searching.progressive import search
from tsdsl.searching.settings import Cadence, DataSettings, Method, SearchSettings
from tsdsl.space.architecture import problems, read_architecture

TEXT = """tsspace 1
space words {
  classes = 8
  size = 16
  shared w = {1, 2}
  stream one {
    frames = 2
    stage 1 {
      group conv3d(kernel = 1x3x3, channels = 4 * w, stride = {4, 8}, act = {relu, hswish})
      group mbconv3d(t = 1, k = 3, expansion = 1.5 * w, channels = {4, 8}, se = {none, all},
                     shortcut = {identity, projection}, stride = {1, 2})
    }
  }
  head { features = {8, 16}  dropout = 0 }
  step 1 "stream" { search = one  target = 40 KFLOPs  epochs = 1 }
  step 2 "head" { search = head  target = 40 KFLOPs  epochs = 1 }
  require one.stage[1].group[1].act == hswish implies one.stage[1].group[2].se == all
  require max(one.stage[1].group[2].channels, 0.5 * head.features) <= 4 or one.flops <= 30 KFLOPs
}
"""


@pytest.mark.parametrize("method", ["thompson", "parsec", "random", "evolution", "single_path"])
def test_what_is_found_satisfies_everything_and_can_be_used(clips: Path, tmp_path: Path, method: Method) -> None:
    space = load_text(tmp_path, TEXT)
    settings = SearchSettings(
        method=method, samples=2, batch_size=4, recalibration_batches=1, evaluations=4, population=2, tournament=2
    )
    for step in (1, 2):
        result = search(
            space,
            step=step,
            data=clips,
            run=tmp_path / "run",
            settings=settings,
            data_settings=DataSettings(cache=True),
            cadence=Cadence(checkpoint_iterations=8, log_iterations=8),
            device="cpu",
        )
        found = read_architecture(result.architecture)
        assert problems(space, found) == []
        assert violated(FreeSpace(CostTable(Blueprint(space), step)), found.decisions) == []
        network = Blueprint(space).network(found.decisions, step)
        assert Model(network, seed=0)(torch.zeros(2, 3, 2, 16, 16)).shape == (2, 8)
    assert "head.features" in found.decisions
    assert "head.features" in run_page(tmp_path / "run")
