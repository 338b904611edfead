"""A product with a shared decision is what its results are, written out, in everything that follows from it."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import tsdsl
from tsdsl import Space
from tsdsl.analysis.tables.cost_table import CostTable, architecture_cost
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.check.check import check
from tsdsl.lowering import Model, Supernet, extract
from tsdsl.network.layout import Blueprint
from tsdsl.source import SourceFile
from tsdsl.space.parts import Scaled, Value
from tsdsl.syntax.formatter import format_text

TEXT = """tsspace 1
space s {
  classes = 5
  size    = 12
  shared beta = {0.125, 0.2, 0.25}
  shared w    = {1, 2.5, 3}
  stream slow { frames = 2  stage 0 {
    group conv3d(kernel = 1x3x3, channels = 16, stride = 2)
    group mbconv3d(t = {1, 3}, k = 3, expansion = w, channels = 8 * w)
    group bottleneck3d(t = 2 * 1.5, channels = 3 * w * 2, ratio = 0.25 * w)
  } }
  stream fast { frames = 8  stage 0 {
    group conv3d(kernel = 3x3x3, channels = beta * 30, stride = 2)
    group conv3d(kernel = 3x1x1, channels = 5 * w)
  } }
  fusion fast -> slow { after = stage[0].group[1]  op = {none, time_strided_conv(ratio = 8 * beta)} }
  attention fast { after = stage[0].group[2]  op = {none, glore(nodes = 1.4 * w)} }
  head { features = 16  dropout = 0 }
}
"""
RESULTS = {
    "beta * 30": {0.125: "4", 0.2: "6", 0.25: "8"},  # 3.75, 6, 7.5
    "8 * beta": {0.125: "1", 0.2: "1.6", 0.25: "2"},
    "8 * w": {1.0: "8", 2.5: "20", 3.0: "24"},
    "3 * w * 2": {1.0: "6", 2.5: "15", 3.0: "18"},
    "0.25 * w": {1.0: "0.25", 2.5: "0.625", 3.0: "0.75"},
    "5 * w": {1.0: "5", 2.5: "13", 3.0: "15"},  # 12.5
    "1.4 * w": {1.0: "1", 2.5: "4", 3.0: "4"},  # 3.5 and 4.2
    "= w,": {1.0: "= 1,", 2.5: "= 2.5,", 3.0: "= 3,"},
}


def space_of(text: str) -> Space:
    checked = check(SourceFile("x", text))
    assert [d.message for d in checked.diagnostics if d.severity == "error"] == []
    return checked.spaces[0].space


def written_out(decisions: dict[str, Value]) -> Space:
    """The space with one value of each shared decision, every result written as a number."""
    text = TEXT
    for product, results in RESULTS.items():
        key = decisions["shared.beta" if "beta" in product else "shared.w"]
        text = text.replace(product, results[float(key)])
    lines = [line for line in text.split("\n") if "shared" not in line]
    return space_of("\n".join(lines))


def test_every_architecture_costs_what_it_costs_with_its_results_written_out() -> None:
    space = space_of(TEXT)
    assert space.cardinality == 3 * 3 * 2 * 2 * 2
    free = FreeSpace(CostTable(Blueprint(space)))
    for one in {tuple(a.decisions.items()) for a in tsdsl.Space.of(space).sample(72)}:
        decisions = dict(one)
        other = written_out(decisions)
        left = {path: value for path, value in decisions.items() if not path.startswith("shared.")}
        macs, params, _ = architecture_cost(Blueprint(other), left)
        assert (free.table.macs(decisions), free.table.params(decisions)) == (macs, params)
        shapes = [node.shape for node in Blueprint(space).network(decisions).nodes]
        assert shapes == [node.shape for node in Blueprint(other).network(left).nodes]


def test_a_supernet_computes_what_the_extracted_model_does_and_torch_counts_what_is_counted() -> None:
    space = space_of(TEXT)
    supernet = Supernet(Blueprint(space), seed=0)
    clip_BCTHW = torch.randn(2, 3, 8, 12, 12, generator=torch.Generator().manual_seed(0))
    for architecture in tsdsl.Space.of(space).sample(4):
        model = extract(supernet, architecture.decisions)
        with torch.no_grad():
            assert torch.allclose(supernet(clip_BCTHW, architecture), model.train()(clip_BCTHW), atol=1e-5)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            Model(model.network, seed=0).eval()(clip_BCTHW[:1])
        assert counter.get_total_flops() == 2 * (architecture.flops or 0)


def test_a_space_with_products_comes_back_from_json_and_from_its_own_layout() -> None:
    space = space_of(TEXT)
    assert Space.from_dict(json.loads(json.dumps(space.to_dict()))) == space
    assert space_of(format_text(SourceFile("x", TEXT))).fingerprint == space.fingerprint
    other = space_of(TEXT.replace("8 * w", "9 * w"))
    assert other.fingerprint != space.fingerprint
    data = json.loads(json.dumps(space.to_dict()))
    data["streams"][0]["stages"][0]["groups"][1]["attributes"]["channels"]["factor"] = -1
    with pytest.raises(ValueError, match="must be between 1 and 65536, got -1 where `w` is 1"):
        Space.from_dict(data)


@pytest.mark.parametrize("factor", [0.1, 0.3, 1 / 3, 7, 2.5])
def test_products_are_exact_in_the_decimals_that_are_written(factor: float) -> None:
    whole = Scaled(decision="shared.w", factor=factor, is_whole=True)
    for value in range(1, 60):
        exact = Fraction(str(factor)) * value
        assert Scaled(decision="shared.w", factor=factor, is_whole=False).of(value) == float(exact)
        assert Fraction(-1, 2) < whole.of(value) - exact <= Fraction(1, 2)


def test_a_constraint_on_a_rounded_product_counts_what_is_rounded() -> None:
    bounded = TEXT.removesuffix("}\n") + "  require fast.stage[0].group[2].channels == 13\n}\n"
    for space in (space_of(bounded), Space.from_dict(json.loads(json.dumps(space_of(bounded).to_dict())))):
        assert {a.decisions["shared.w"] for a in tsdsl.Space.of(space).sample(30)} == {2.5}
