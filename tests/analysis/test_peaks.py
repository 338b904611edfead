"""Bytes of activations equal what torch allocates; their extremes equal enumeration, and witnesses reach them."""

from __future__ import annotations

import random

import pytest

import tsdsl
from support.live_tensors import measured_peak_bytes
from support.small_spaces import everything, random_space, seeds
from tsdsl.analysis.paths import constrained, feasible
from tsdsl.analysis.questions.peaks import peak_extreme
from tsdsl.analysis.tables import constraints as requirements
from tsdsl.analysis.tables.constraints import violated
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.network.activations import peak_activation_bytes
from tsdsl.network.layout import Blueprint
from tsdsl.source import SourceFile
from tsdsl.space.model import Space
from tsdsl.space.resolve import resolve

SEEDS = seeds((0, 1, 2, 5), (3, 4))
# Maps of 4 x 4 or 2 x 2, so that what attention makes inside is most; fusions both ways, joined and summed.
ATTENTIVE = """tsspace 1
space attentive {{
  classes = 3
  size    = 4
  stream one {{
    frames = 2
    stage 0 {{
      group conv3d(kernel = 1x3x3, channels = {{4, 12}}, stride = {stride})
      group mbconv3d(t = 1, k = 3, expansion = 1, channels = 8, shortcut = bare_projection, se = all, act = none)
      group conv3d(kernel = 1x1x1, channels = 4)
    }}
  }}
  stream two {{
    frames = 4
    stage 0 {{
      group conv3d(kernel = 3x1x1, channels = {{4, 8}}, stride = {stride})
      group max_pool3d(kernel = 1x3x3)
      group conv3d(kernel = 1x1x1, channels = 4)
    }}
  }}
  stream three {{
    frames = 4
    stage 0 {{
      group conv3d(kernel = 3x1x1, channels = 6, stride = {stride})
      group conv3d(kernel = 1x1x1, channels = {{4, 8}})
    }}
  }}
  fusion two -> one {{
    after = stage[0].group[1, 2]
    op    = {{none, time_strided_sample, time_to_channel, time_strided_conv}}
  }}
  fusion two -> three {{
    after = stage[0].group[1]
    op    = {{none, time_strided_conv}}
    merge = sum
  }}
  fusion three -> two {{
    after = stage[0].group[1]
    op    = {{none, time_strided_sample}}
  }}
  attention one, two {{
    after = stage[0].group[2]
    op    = {{none, {attention}}}
  }}
}}
"""


def attentive(attention: str, stride: int) -> Space:
    resolved = resolve(SourceFile("attentive", ATTENTIVE.format(attention=attention, stride=stride)))
    assert not resolved.diagnostics, resolved.diagnostics
    return resolved.spaces[0].space


@pytest.mark.parametrize("seed", SEEDS)
def test_bytes_of_activations_are_what_torch_allocates(seed: int) -> None:
    space = random_space(seed)
    for one in random.Random(seed).sample(everything(space), 3):
        network = Blueprint(space).network(one)
        assert peak_activation_bytes(network) == measured_peak_bytes(network)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(
    "attention",
    ["glore(nodes = {2, 40})", "glore(normalize = yes)", "nonlocal(ratio = {0.25, 1}, pool = 2)", "nonlocal", "se"],
)
def test_what_attention_makes_inside_and_fusions_hold_is_what_torch_allocates(attention: str, stride: int) -> None:
    space = attentive(attention, stride)
    listed = everything(space)
    for one in random.Random(stride).sample(listed, 5):
        network = Blueprint(space).network(one)
        assert peak_activation_bytes(network) == measured_peak_bytes(network), one
    free = FreeSpace(CostTable(Blueprint(space)))
    blueprint = Blueprint(space)
    peaks = [peak_activation_bytes(blueprint.network(one)) for one in random.Random(1).sample(listed, 40)]
    for sense, beyond in (("min", min), ("max", max)):
        bound = peak_extreme(free, sense)  # type: ignore[arg-type]
        assert (
            bound.value == peak_activation_bytes(Blueprint(space).network(bound.witness)) == beyond(bound.value, *peaks)
        )


@pytest.mark.parametrize("name", ["auto_tsnet", "slowfast", "x3d", "manual_tsnet", "single_stream"])
def test_shipped_networks_allocate_what_is_told(name: str) -> None:
    space = tsdsl.load(f"std:{name}") if name in ("auto_tsnet", "x3d") else _first(name)
    decisions = next(iter(tsdsl.Space.of(space).sample(1, seed=0))).decisions if space.decisions else {}
    network = Blueprint(space).network(decisions)
    assert peak_activation_bytes(network) == measured_peak_bytes(network)


def _first(name: str) -> Space:
    from tsdsl.check.check import check
    from tsdsl.source_files import read_source

    return check(read_source(f"std:{name}")).spaces[0].space


@pytest.mark.parametrize("step", [1, 2, None])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_least_and_the_largest_peak_equal_enumeration(seed: int, step: int | None) -> None:
    space = random_space(seed)
    _check(FreeSpace(CostTable(Blueprint(space), step)), everything(space, step))


@pytest.mark.parametrize("seed", SEEDS)
def test_peaks_under_fixed_decisions_equal_enumeration(seed: int) -> None:
    space = random_space(seed)
    draw = random.Random(seed)
    picked = draw.choice(everything(space))
    fixed = {path: picked[path] for path in draw.sample(sorted(picked), 2)}
    kept = [one for one in everything(space) if all(path not in one or one[path] == fixed[path] for path in fixed)]
    _check(FreeSpace(CostTable(Blueprint(space)), fixed), kept)


@pytest.mark.parametrize("seed", [2, 5])
def test_constraints_too_wide_for_tables_leave_exact_peaks(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "LARGEST_ALLOWED_TABLE", 0)
    feasible.uniform.cache_clear()
    space = random_space(seed)
    _check(FreeSpace(CostTable(Blueprint(space))), everything(space))


@pytest.mark.parametrize("seed", [2, 5])
def test_an_inexact_peak_is_that_of_an_architecture_that_is_allowed(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "LARGEST_ALLOWED_TABLE", 0)
    monkeypatch.setattr(constrained, "MAX_EDGES", 60)
    feasible.uniform.cache_clear()
    space = random_space(seed)
    free = FreeSpace(CostTable(Blueprint(space)))
    peaks = [peak_activation_bytes(free.table.blueprint.network(one)) for one in everything(space)]
    for sense, end in (("min", min(peaks)), ("max", max(peaks))):
        bound = peak_extreme(free, sense)  # type: ignore[arg-type]
        assert not violated(free, bound.witness)
        assert min(peaks) <= bound.value <= max(peaks)
        assert bound.value == end or not bound.is_exact
    feasible.uniform.cache_clear()


def _check(free: FreeSpace, listed: list[dict[str, tsdsl.space.model.Value]]) -> None:
    blueprint, step = free.table.blueprint, free.table.step
    peaks = [peak_activation_bytes(blueprint.network(one, step)) for one in listed]
    for sense, end in (("min", min(peaks)), ("max", max(peaks))):
        bound = peak_extreme(free, sense)  # type: ignore[arg-type]
        assert bound.is_exact
        assert bound.value == end
        assert dict(bound.witness) in listed
        assert peak_activation_bytes(blueprint.network(bound.witness, step)) == end
