"""The published space: closed-form costs equal torch's counter, supernets equal extracted models."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import tsdsl
from tsdsl.exporting import export_python, verify_export
from tsdsl.lowering import Model, Supernet, extract
from tsdsl.network.layout import Blueprint

SPACE = Path(__file__).parents[2] / "spaces" / "auto_tsnet.tsspace"


@pytest.fixture(scope="module")
def blueprint():
    return Blueprint(tsdsl.load(SPACE))


def counted(network):
    """Multiply-adds and parameters as torch counts them on the meta device."""
    with torch.device("meta"), torch.no_grad():
        model = Model(network)
        with FlopCounterMode(display=False) as counter:
            model(torch.empty(1, 3, network.frames, network.size, network.size))
    return counter.get_total_flops(), sum(p.numel() for p in model.parameters()), model.cost


def check_costs(blueprint, draw, seeds):
    for seed in seeds:
        step = (None, 1, 2, 3)[seed % 4]
        flops, params, cost = counted(blueprint.network(draw(blueprint.space, seed), step))
        assert flops == 2 * cost.macs
        assert params == cost.params


def test_costs_equal_torchs_counter(blueprint, draw):
    check_costs(blueprint, draw, range(4))


@pytest.mark.nightly
def test_costs_of_many_architectures_equal_torchs_counter(blueprint, draw):
    check_costs(blueprint, draw, range(4, 100))


def test_a_supernet_holds_every_sampled_architecture(blueprint, draw):
    with torch.device("meta"):
        supernet = Supernet(blueprint)
    for seed in range(40):
        for name, region in supernet.layout(draw(blueprint.space, seed)).regions.items():
            for parts, size in zip(region, supernet.placed[name].shape, strict=True):
                assert all(start >= 0 and start + length <= size for start, length in parts)


def test_supernet_scores_equal_the_extracted_models_and_the_exported_source(blueprint, draw):
    supernet = Supernet(blueprint, seed=0).eval()
    decisions = draw(blueprint.space, 5)
    model = extract(supernet, decisions)
    x = torch.randn(2, 3, 32, 32, 32, generator=torch.Generator().manual_seed(0))
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm3d)]
    for norm in norms:
        norm.train()
    with torch.no_grad():
        assert torch.equal(supernet(x, decisions), model(x))
    source = export_python(model.network)
    assert max(map(len, source.splitlines())) <= 110


@pytest.mark.nightly
def test_exported_source_of_a_full_size_model_agrees(blueprint, draw):
    model = Model(blueprint.network(draw(blueprint.space, 6)), seed=0)
    assert verify_export(export_python(model.network), model).holds
