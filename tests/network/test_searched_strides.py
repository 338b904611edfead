"""Strides as decisions: sizes of all streams follow, whatever is fused, and every fact equals enumeration."""

from __future__ import annotations

import random

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import tsdsl
from support.enumeration_checks import Enumerated, checks
from support.small_spaces import everything
from tsdsl.analysis.comparison.compare import compare
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.check.check import check
from tsdsl.exporting import export_python, verify_export
from tsdsl.lowering import Model, Supernet, extract
from tsdsl.network.cost import network_cost, plain
from tsdsl.network.layout import Blueprint
from tsdsl.network.spec import problems
from tsdsl.source import SourceFile

THREE_STREAMS = """tsspace 1
space three {
  classes = 5
  size    = 13
  shared down = {1, 3}
  shared slower = {1, 2}
  stream slow {
    frames = 2
    stage 0 { group conv3d(kernel = 1x3x3, channels = 4, stride = 2 * down) }
    stage 1 { group conv3d(kernel = 1x3x3, channels = 4) }
  }
  stream middle {
    frames = 4
    stage 0 { group conv3d(kernel = 1x3x3, channels = 4, stride = down, frame_stride = slower)
              group conv3d(kernel = 1x1x1, channels = 4, stride = 2) }
    stage 1 { group {conv3d(kernel = 1x3x3, stride = {1, 2}), max_pool3d(kernel = 1x3x3), none}(channels = 4) }
  }
  stream fast {
    frames = 8
    stage 0 { group conv3d(kernel = 3x3x3, channels = 2, stride = down, frame_stride = {1, 2}) }
    stage 1 { group conv3d(kernel = 1x1x1, channels = 2, stride = 2) * 0 .. 1 }
  }
  fusion fast -> middle { after = stage[0].group[1]  op = {none, time_to_channel, time_strided_conv(ratio = 1)} }
  attention middle { after = stage[0].group[1]  op = {none, nonlocal} }
  head { kind = pooled  dropout = 0 }
}
"""


def space_of(text: str) -> tsdsl.Space:
    checked = check(SourceFile("x", text))
    assert [d.message for d in checked.diagnostics] == []
    return checked.spaces[-1].space


def folded(channels: str = "4") -> str:
    """Frames folded into channels, twice in a row, at ratios that follow from two decisions."""
    return f"""tsspace 1
space folded {{
  classes = 3
  size    = 4
  shared slower = {{1, 2}}
  stream slow {{
    frames = 2
    stage 0 {{ group conv3d(kernel = 1x1x1, channels = 2)  group conv3d(kernel = 1x1x1, channels = 2) }}
    stage 1 {{ group conv3d(kernel = 1x1x1, channels = 2) }}
  }}
  stream middle {{
    frames = 4
    stage 0 {{ group conv3d(kernel = 1x1x1, channels = {channels}, frame_stride = slower)
               group max_pool3d(kernel = 1x1x1, stride = 1) }}
    stage 1 {{ group conv3d(kernel = 1x1x1, channels = 2) }}
  }}
  stream fast {{
    frames = 8
    stage 0 {{ group conv3d(kernel = 1x1x1, channels = 2, frame_stride = {{1, 2}})
               group conv3d(kernel = 1x1x1, channels = 2) }}
    stage 1 {{ group conv3d(kernel = 1x1x1, channels = 2) }}
  }}
  fusion fast -> middle {{ after = stage[0].group[1]  op = {{none, time_to_channel}} }}
  fusion middle -> slow {{ after = stage[0].group[2]  op = time_to_channel }}
  head {{ kind = pooled  dropout = 0 }}
}}
"""


SPACES = {"three": THREE_STREAMS, "folded": folded("{3, 4}")}


@pytest.mark.parametrize("name", SPACES)
def test_the_network_of_every_architecture_is_well_formed_and_costs_what_tables_say(name: str) -> None:
    space = space_of(SPACES[name])
    blueprint, found = Blueprint(space), Enumerated(space, None, 0)
    assert problems(blueprint.whole, space) == []
    for one in random.Random(0).sample(everything(space), 12):
        assert problems(blueprint.network(one), space) == []
    assert {name for name, is_right in checks(found) if not is_right} == set()


@pytest.mark.parametrize("name", SPACES)
def test_one_supernet_holds_all_sizes(name: str) -> None:
    space = space_of(SPACES[name])
    blueprint, generator = Blueprint(space), torch.Generator().manual_seed(0)
    supernet = Supernet(blueprint, seed=0)
    for one in random.Random(0).sample(everything(space), 12):
        network = blueprint.network(one)
        clips = torch.randn(2, 3, network.frames, network.size, network.size, generator=generator)
        model = extract(supernet, one)
        with torch.no_grad():
            torch.testing.assert_close(supernet(clips, one), model.train()(clips), atol=1e-5, rtol=1e-5)
        counter = FlopCounterMode(display=False)
        with counter, torch.no_grad():
            model.eval()(clips[:1])
        assert counter.get_total_flops() == 2 * plain(network_cost(network))[0]


def test_what_is_exported_gives_the_same_scores() -> None:
    space = space_of(THREE_STREAMS)
    one = random.Random(1).choice(everything(space))
    model = Model(Blueprint(space).network(one), seed=0)
    assert verify_export(export_python(model.network), model).difference < 1e-4


def test_folded_frames_use_the_first_columns_of_the_largest_ratio() -> None:
    space = space_of(folded())
    blueprint = Blueprint(space)
    decisions = {"shared.slower": 2, "fast.stage0.group1.frame_stride": 1}
    decisions |= {"fusion.fast_to_middle.stage0.group1.op": "time_to_channel"}
    network = blueprint.network(decisions)
    (block,) = network.by_name["fusion.middle_to_slow.stage0.group2.time_to_channel"].blocks
    # One frame each of the 4 channels of `middle` and of 4 x 2 channels folded of `fast`, in a layout for two frames.
    assert [(s.length, s.offset) for s in block.width.segments] == [(4, 0), (8, 8)]


ONE_STREAM = """tsspace 1
space one {
  classes = 3
  size    = 9
  block mb = mbconv3d(t = 1, k = 3, expansion = 2)
  stream s {
    frames = 4
    stage 0 { group conv3d(kernel = 1x3x3, channels = 4) }
    stage 1 { group GROUP }
  }
}
space other from one {
  OVERRIDE
}
"""


def sizes(space: tsdsl.Space) -> set[str]:
    network = Blueprint(space).network
    return {str(network(one).by_name["head.s"].shape_in).partition(" x ")[2] for one in everything(space)}


@pytest.mark.parametrize(
    ("group", "paths", "expected"),
    [
        ("mb(channels = 4, stride = 2) * 0 .. 2", ["repeat"], {"4 x 9 x 9", "4 x 5 x 5"}),
        ("{mb, conv3d(kernel = 1x1x1), none}(channels = 4, stride = 3)", ["op"], {"4 x 9 x 9", "4 x 3 x 3"}),
        (
            "{mb(stride = {1, 2}), conv3d(kernel = 1x1x1, frame_stride = {2, 4})}(channels = 4) * {1, 3}",
            ["repeat", "op", "op.mb.stride", "op.conv3d.frame_stride"],
            {"4 x 9 x 9", "4 x 5 x 5", "2 x 9 x 9", "1 x 9 x 9"},
        ),
        (
            "{mb(stride = {1, 2}), conv3d(kernel = 1x1x1, stride = 3), none}(channels = 4) * 2 each",
            ["block1.op", "block1.op.mb.stride", "block2.op"],
            {"4 x 9 x 9", "4 x 5 x 5", "4 x 3 x 3"},
        ),
        ("mb(channels = 4, stride = {2, 3}) * 2 each", ["stride"], {"4 x 5 x 5", "4 x 3 x 3"}),
    ],
)
def test_the_first_block_strides_as_what_it_is(group: str, paths: list[str], expected: set[str]) -> None:
    space = space_of(ONE_STREAM.replace("GROUP", group).replace("  OVERRIDE\n", ""))
    assert [d.path.removeprefix("s.stage1.group1.") for d in space.decisions] == paths
    assert sizes(space) == expected
    assert problems(Blueprint(space).whole, space) == []
    assert {name for name, is_right in checks(Enumerated(space, None, 0)) if not is_right} == set()
    assert tsdsl.Space.from_dict(space.to_dict()) == space


def test_groups_that_differ_only_in_their_sizes_have_costs_of_their_own() -> None:
    streams = "".join(
        f"""stream {name} {{
    frames = 2
    stage 0 {{ group conv3d(kernel = 1x1x1, channels = 4, stride = {{1, {stride}}}) }}
    stage 1 {{ group conv3d(kernel = 1x3x3, channels = {{4, 8}}) }}
  }}
  """
        for name, stride in (("a", 2), ("b", 3))
    )
    space = space_of(f"tsspace 1\nspace two {{ classes = 3  size = 9  {streams} }}\n")
    blueprint = Blueprint(space)
    table = CostTable(blueprint)
    for one in everything(space):
        assert table.macs(one) == plain(network_cost(blueprint.network(one)))[0]


def test_a_stride_is_fixed_and_freed_and_its_change_is_found() -> None:
    text = ONE_STREAM.replace("GROUP", "mb(channels = 4, stride = {1, 2, 3})")
    base = space_of(text.replace("OVERRIDE", ""))
    fixed = space_of(text.replace("OVERRIDE", "fix s.stage[1].group[1].stride = 2"))
    freed = space_of(text.replace("OVERRIDE", "free s.stage[1].stride = {1, 4}"))
    assert [sizes(space) for space in (base, fixed)] == [{"4 x 9 x 9", "4 x 5 x 5", "4 x 3 x 3"}, {"4 x 5 x 5"}]
    assert sizes(freed) == {"4 x 9 x 9", "4 x 3 x 3"}
    found = compare(base, fixed)
    assert (found.in_both, [change.path for change in found.settings]) == (1, ["s.stage1.group1.stride"])
