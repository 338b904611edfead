"""A supernet over depths and operators: sampled architectures cost and compute what their own models do."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

import tsdsl
from support.deep_spaces import spaces
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.lowering.supernet import Supernet, extract
from tsdsl.network.layout import Blueprint


def test_each_architecture_has_the_costs_and_scores_of_its_own_model() -> None:
    space = spaces()["base"]
    table, supernet = CostTable(Blueprint(space)), Supernet(Blueprint(space), seed=0).double()
    clips = torch.rand(2, 3, 4, 32, 32, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for architecture in tsdsl.Space.of(space).sample(12, seed=1):
        model = extract(supernet, architecture)
        with torch.no_grad():
            torch.manual_seed(1)
            shared = supernet(clips, architecture)
            torch.manual_seed(1)
            torch.testing.assert_close(model(clips), shared, rtol=1e-12, atol=1e-12)
            counter = FlopCounterMode(display=False)
            with counter:
                model.eval().float()(clips[:1].float())
        assert counter.get_total_flops() == 2 * table.macs(architecture.decisions)
        assert sum(p.numel() for p in model.parameters()) == table.params(architecture.decisions)
