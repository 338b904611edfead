"""Attributes whose values are words, strides, pools and the head as decisions: every fact is that of the value."""

from __future__ import annotations

import re

import pytest

import tsdsl
from support.enumeration_checks import Enumerated, checks
from support.small_spaces import everything
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.check.check import check
from tsdsl.network.cost import network_cost, plain
from tsdsl.network.layout import Blueprint
from tsdsl.network.spec import problems
from tsdsl.source import SourceFile

TEXT = """tsspace 1
space s {{
  classes = 5
  size    = 12
  stream one {{
    frames = 4
    stage 0 {{ group {first} }}
    stage 1 {{ group {second} }}
  }}
  attention one {{ after = stage[1]  op = {op} }}
  head {{ {head} }}
}}
"""
PLAIN = {
    "first": "conv3d(kernel = 3x3x3, channels = {8, 12})",
    "second": "conv3d(kernel = 1x1x1, channels = 8)",
    "op": "none",
    "head": "features = 8",
}
MB = "mbconv3d(t = 3, k = 3, channels = {8, 12}, "
SEARCHED = [
    (
        "first",
        "conv3d(kernel = 3x3x3, channels = {8, 12}, stride = 2, act = ",
        ["relu", "swish", "hswish", "none"],
        ")",
    ),
    ("first", "conv2plus1d(t = 3, k = 3, channels = 8, act = ", ["hswish", "none"], ") * 2"),
    ("second", MB + "expansion = {2, 3}, act = ", ["relu", "hswish"], ") * 2"),
    ("second", MB + "expansion = {2, 3}, se_ratio = {0.1, 0.5}, se = ", ["none", "all", "alternate"], ") * 3"),
    ("second", MB + "expansion = 2.25, expand_from = ", ["input", "output"], ") * 2"),
    ("second", MB + "expansion = 2, act = swish, shortcut = ", ["identity", "projection", "bare_projection"], ") * 2"),
    (
        "second",
        MB + "expansion = 2, stride = 2, shortcut = ",
        ["identity", "projection", "bare_projection"],
        ", se = {none, all}) * 2",
    ),
    ("second", "max_pool3d(stride = 2, kernel = ", ["1x1x1", "1x3x3", "3x3x3"], ")"),
    ("op", "{none, nonlocal(ratio = {0.25, 0.5}, pool = ", ["1", "2", "3"], ")}"),
    ("op", "glore(nodes = {4, 8}, normalize = ", ["no", "yes"], ")"),
    ("first", "conv3d(kernel = 3x3x3, channels = {8, 12}, frame_stride = {1, 4}, stride = ", ["1", "2", "3"], ")"),
    ("first", "x3d_stem(channels = {8, 12}, stride = ", ["1", "2"], ") * 2"),
    ("second", "conv2plus1d(t = 3, k = 3, channels = 8, stride = {1, 2}, frame_stride = ", ["1", "2"], ") * 2"),
    ("second", "bottleneck3d(t = 3, channels = {8, 12}, stride = {1, 2}, frame_stride = ", ["1", "3", "4"], ") * 2"),
    ("second", "bottleneck3d(t = 1, channels = 8, temporal = joint, stride = ", ["1", "2"], ") * {1, 2}"),
    ("second", "bottleneck3d(t = 3, channels = 8, temporal = factorised, stride = ", ["1", "2"], ") * 2"),
    ("second", "basic3d(t = {1, 3}, channels = {8, 12}, frame_stride = 2, stride = ", ["1", "2"], ") * 2"),
    ("second", "max_pool3d(kernel = {1x1x1, 3x3x3}, frame_stride = {1, 2}, stride = ", ["1", "2"], ")"),
    (
        "second",
        MB + "expansion = 2, shortcut = {identity, projection}, stride = ",
        ["1", "2"],
        ") * 2",
    ),
    ("head", "expansion = {1, 2.25}  features = ", ["4", "8", "16"], ""),
    ("head", "features = {8, 16}  expansion = ", ["1.5", "2.25"], ""),
    ("head", "features = {8, 16}  dropout = ", ["0.25", "0.5"], ""),
]


def space_of(**parts: str) -> tsdsl.Space:
    checked = check(SourceFile("x", TEXT.format(**PLAIN | parts)))
    assert [d.message for d in checked.diagnostics if d.severity == "error"] == []
    return checked.spaces[0].space


@pytest.mark.parametrize(("part", "before", "words", "after"), SEARCHED)
def test_every_architecture_is_that_of_the_space_with_its_word_written_out(
    part: str, before: str, words: list[str], after: str
) -> None:
    space = space_of(**{part: f"{before}{{{', '.join(words)}}}{after}"})
    blueprint = Blueprint(space)
    assert problems(blueprint.whole, space) == []
    free = FreeSpace(CostTable(blueprint))
    others = {word: space_of(**{part: f"{before}{word}{after}"}) for word in words}
    (path,) = {d.path for d in space.decisions} - {d.path for d in others[words[-1]].decisions}
    written_out = 0
    for one in everything(space):
        network = blueprint.network(one)
        assert (free.table.macs(one), free.table.params(one)) == plain(network_cost(network))[:2]
        if path in one:
            other = {p: value for p, value in one.items() if p != path}
            expected = Blueprint(others[str(one[path])]).network(other)
            assert [(n.name, n.shape, n.blocks) for n in network.nodes] == [
                (n.name, n.shape, n.blocks) for n in expected.nodes
            ]
            written_out += 1
    assert written_out == sum(
        len([one for one in everything(other) if part != "op" or "none" not in one.values()])
        for other in others.values()
    )


@pytest.mark.parametrize(("part", "before", "words", "after"), SEARCHED[2:11:4])
def test_every_exact_fact_equals_enumeration(part: str, before: str, words: list[str], after: str) -> None:
    space = space_of(**{part: f"{before}{{{', '.join(words)}}}{after}"})
    of = Enumerated(space, None, 0)
    assert {name for name, is_right in checks(of) if not is_right} == set()


def test_a_word_of_an_attribute_is_no_domain_and_no_shared_decision_of_that_name() -> None:
    text = TEXT.format(**PLAIN | {"second": MB + "expansion = all, expand_from = output, se = all)"})
    text = text.replace("  stream", "  domain all = {2, 3}\n  shared output = {3, 5}\n  stream", 1)
    text = text.replace("k = 3", "k = output")
    checked = check(SourceFile("x", text))
    assert [d.message for d in checked.diagnostics] == []
    group = checked.spaces[0].space.streams[0].groups[1]
    assert (group.attributes["se"], group.attributes["expand_from"]) == ("all", "output")


INSTEAD = [
    (
        {"first": "{a, b}(t = 3, channels = {8, 12})"},
        "block a = basic3d(temporal = joint)  block b = basic3d(temporal = factorised)",
    ),
    (
        {"first": "{a, b}(t = 3, channels = {8, 12})"},
        "block a = bottleneck3d(temporal = first)  block b = bottleneck3d(temporal = joint)",
    ),
]


@pytest.mark.parametrize(("parts", "blocks"), INSTEAD)
def test_what_is_written_instead_of_a_choice_that_is_refused_is_accepted(parts: dict[str, str], blocks: str) -> None:
    text = TEXT.format(**PLAIN | parts).replace("  stream", f"  {blocks}\n  stream", 1)
    assert [d.message for d in check(SourceFile("x", text)).diagnostics] == []
    operator, (one, other) = re.findall(r"= (\w+)\(", blocks)[0], re.findall(r"temporal = (\w+)", blocks)
    refused = TEXT.format(**PLAIN | {"first": f"{operator}(t = 3, channels = 8, temporal = {{{one}, {other}}})"})
    (found,) = check(SourceFile("x", refused)).diagnostics
    a, b = (f"`block {name} = {operator}(temporal = {word}, ...)`" for name, word in (("a", one), ("b", other)))
    assert f"{a}, {b}, `group {{a, b}}(...)`" in (found.help or "")


def test_a_pool_that_is_too_large_for_some_choice_names_that_choice() -> None:
    text = TEXT.format(**PLAIN | {"op": "nonlocal(pool = {1, 8})"}).replace("size    = 12", "size    = 6")
    (found,) = check(SourceFile("x", text)).diagnostics
    assert (found.code, found.message) == ("TS301", "the pool 8 is larger than its 6 x 6 map")
    assert found.notes == ("for example with attention.one.stage1.group1.op.nonlocal.pool = 8",)
