"""The distribution of cost over a space agrees with uniform samples, and tells how far it may be off."""

from __future__ import annotations

from importlib.resources import files
from itertools import islice

import pytest

import tsdsl
from tsdsl.analysis.questions.bounds import bound
from tsdsl.analysis.questions.cost_histogram import cost_distribution
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.check.check import check
from tsdsl.network.layout import Blueprint
from tsdsl.source import SourceFile


def test_shares_agree_with_uniform_samples(tiny: tsdsl.Space) -> None:
    table = CostTable(Blueprint(tiny), 1)
    found = cost_distribution(table, intervals=20)
    drawn = [a.flops or 0 for a in islice(tiny.sample(count=4000, seed=0, step=1), 4000)]
    for low, high, share in zip(found.edges, found.edges[1:], found.shares, strict=False):
        inside = sum(low < macs <= high or macs == found.least == low for macs in drawn) / len(drawn)
        assert inside == pytest.approx(share, abs=0.03)
    assert found.uncertainty == 0
    assert sum(found.shares) == pytest.approx(1)


def test_its_ends_are_the_exact_bounds(tiny: tsdsl.Space) -> None:
    table = CostTable(Blueprint(tiny))
    found = cost_distribution(table, intervals=7)
    assert (found.least, found.most) == (bound(table, "macs", "min").value, bound(table, "macs", "max").value)
    assert list(found.edges) == sorted(set(found.edges))


def test_fewer_bins_are_less_certain(tiny: tsdsl.Space) -> None:
    table = CostTable(Blueprint(tiny))
    coarse, fine = (cost_distribution(table, intervals=10, bins=bins) for bins in (64, 16_384))
    assert coarse.uncertainty > fine.uncertainty
    for one, other in zip(coarse.shares, fine.shares, strict=True):
        assert abs(one - other) <= 2 * (coarse.uncertainty + fine.uncertainty)


def test_constraints_end_it_where_they_end_the_space(tiny: tsdsl.Space) -> None:
    text = (
        (files("tsdsl.spaces") / "tiny.tsspace")
        .read_text()
        .replace("  head {", "  require flops <= 15 MFLOPs\n  head {")
    )
    space = check(SourceFile("tiny.tsspace", text)).spaces[0].space
    found = cost_distribution(CostTable(Blueprint(space)), intervals=20)
    whole = cost_distribution(CostTable(Blueprint(tiny)), intervals=20)
    assert found.least == whole.least
    assert 14_900_000 < found.most <= 15_000_000 < whole.most
    assert sum(found.shares) == pytest.approx(1, abs=0.002)
