"""Comparing spaces: changes of meaning, exact counts of common architectures, and what a change breaks."""

from __future__ import annotations

import pytest

import tsdsl
from support.small_spaces import everything
from tsdsl.analysis.comparison.compare import compare
from tsdsl.analysis.comparison.setting_places import setting_places
from tsdsl.lowering import Supernet
from tsdsl.network.layout import Blueprint
from tsdsl.source import SourceFile
from tsdsl.space.model import Space
from tsdsl.space.parts import Value
from tsdsl.space.resolve import resolve

BASE = """tsspace 1
space s {
  classes = 3
  size    = 16
  domain taps = {1, 3}
  stream slow {
    frames = 2
    stage 0 {
      group conv3d(kernel = 1x3x3, channels = {8, 16}, stride = 2)
      group mbconv3d(t = taps, k = 3, expansion = 2, channels = 8) * 2
    }
  }
  stream fast {
    frames = 4
    stage 0 {
      group conv3d(kernel = 3x3x3, channels = {4, 6}, stride = 2)
      group conv3d(kernel = 1x1x1, channels = 4)
    }
  }
  fusion fast -> slow {
    after = stage[0].group[1]
    op    = {none, time_strided_conv(ratio = {1, 2})}
  }
  attention slow {
    after = stage[0].group[2]
    op    = {none, glore(nodes = {4, 8}), se}
  }
  step 1 "all" { search = slow, fast, fusion, attention }
  model L { depth = 2x }
}
"""


def space_of(text: str) -> Space:
    resolved = resolve(SourceFile("x", text))
    assert [d.message for d in resolved.diagnostics if d.severity == "error"] == []
    return resolved.spaces[0].space


def changed(*pairs: tuple[str, str]) -> Space:
    text = BASE
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return space_of(text)


def networks(space: Space) -> set[frozenset[tuple[str, Value]]]:
    """Every architecture as the settings that exist under it; a slot with `none` leaves nothing behind."""
    found = set()
    places = setting_places(space)
    for decisions in everything(space):
        values: dict[str, Value] = {}
        for path, place in places.items():
            if place.parent is not None and values.get(place.parent.path) != place.parent.value:
                continue
            decided = space.decision_by_path[place.decision].values if place.decision is not None else ()
            values[path] = place.values[decided.index(decisions[place.decision]) if place.decision is not None else 0]
        found.add(frozenset((path, value) for path, value in values.items() if value != "none"))
    return found


CHANGES = [
    [("{8, 16}, stride", "{8, 16, 24}, stride")],
    [("{8, 16}, stride", "16, stride")],
    [("{8, 16}, stride", "{16, 32}, stride")],
    [("taps = {1, 3}", "taps = {3, 5}")],
    [("none, glore(nodes = {4, 8}), se", "none, glore(nodes = {8, 16})")],
    [("none, glore(nodes = {4, 8}), se", "glore(nodes = 4), se")],
    [("ratio = {1, 2}", "ratio = 2")],
    [("ratio = {1, 2}", "kernel = {1x1x1, 5x1x1}")],
    [("op    = {none, time_strided_conv(ratio = {1, 2})}", "op    = time_strided_conv(ratio = {1, 2})")],
    [("fusion fast -> slow", "attention fast"), ("time_strided_conv(ratio = {1, 2})", "se"), ("fusion,", "")],
    [("{4, 6}, stride = 2", "{4, 6}, stride = 2, act = relu")],
    [("{8, 16}, stride", "{16, 24}, stride"), ("taps = {1, 3}", "taps = {3, 5}")],
]


@pytest.mark.parametrize("pairs", CHANGES)
def test_architectures_in_both_are_counted_as_by_listing_them(pairs: list[tuple[str, str]]) -> None:
    old, new = space_of(BASE), changed(*pairs)
    assert compare(old, new).in_both == len(networks(old) & networks(new))
    assert compare(new, old).in_both == len(networks(old) & networks(new))


WIDE = ("domain taps", "shared wide = {2, 3, 4}\n  domain taps")
PRODUCTS = [("{4, 6}, stride", "2 * wide, stride"), ("channels = 8) * 2", "channels = 4 * wide) * 2")]


@pytest.mark.parametrize(
    ("pairs", "is_known"),
    [
        ([("{4, 6}, stride", "2 * wide, stride")], True),
        ([("{4, 6}, stride", "2 * wide, stride"), ("channels = 8) * 2", "channels = 8 * wide) * 2")], True),
        (PRODUCTS, True),
        ([("{4, 6}, stride", "{4, 8}, stride"), ("channels = 8) * 2", "channels = 4 * wide) * 2")], False),
    ],
)
def test_architectures_with_products_in_both_are_counted_as_by_listing_them(
    pairs: list[tuple[str, str]], is_known: bool
) -> None:
    old, new = changed(WIDE, *PRODUCTS), changed(WIDE, *pairs)
    assert compare(old, new).in_both == (len(networks(old) & networks(new)) if is_known else None)


@pytest.mark.parametrize(
    "pairs",
    [
        [("step 1", "require slow.stage[0].group[1].channels <= 8\n  step 1")],
        [("step 1", "require flops <= 600 KFLOPs\n  step 1"), ("{8, 16}, stride", "{8, 12}, stride")],
        [("step 1", "require params <= 66 Kparams\n  step 1"), ("taps = {1, 3}", "taps = {3, 5, 1}")],
    ],
)
def test_architectures_that_satisfy_both_are_counted_as_by_listing_them(pairs: list[tuple[str, str]]) -> None:
    old, new = space_of(BASE), changed(*pairs)
    found = compare(old, new)
    both = networks(old) & networks(new)
    assert 0 < len(both) < old.cardinality
    assert found.in_both == len(both)
    assert found.new_count.at_least == found.new_count.at_most == len(networks(new))
    assert "ARCHITECTURES" in found.breaks


@pytest.mark.parametrize(
    ("pair", "path", "change"),
    [
        (("{8, 16}, stride", "{8, 16, 24}, stride"), "slow.stage0.group1.channels", "widened"),
        (("{8, 16}, stride", "16, stride"), "slow.stage0.group1.channels", "narrowed"),
        (("{8, 16}, stride", "{16, 32}, stride"), "slow.stage0.group1.channels", "changed"),
        (("nodes = {4, 8}", ""), "attention.slow.stage0.group2.op.glore.nodes", "removed"),
        (("glore(nodes = {4, 8})", "glore(nodes = {4, 8}), nonlocal"), "attention.slow.stage0.group2.op", "widened"),
        (("size    = 16", "size    = 32"), "size", "changed"),
        (("frames = 4", "frames = 6"), "fast.frames", "changed"),
        (("channels = 8) * 2", "channels = 8) * 3"), "slow.stage0.group2.repeat", "changed"),
    ],
)
def test_a_change_is_told_by_its_path(pair: tuple[str, str], path: str, change: str) -> None:
    found = compare(space_of(BASE), changed(pair))
    assert (path, change) in {(c.path, c.change) for c in (*found.settings, *found.fixed)}


@pytest.mark.parametrize(
    "pair",
    [("domain taps = {1, 3}", "domain taps = {3, 1}"), ("stride = 2)\n      group mb", "act=relu,stride=2) group mb")],
)
def test_what_means_the_same_changes_nothing(pair: tuple[str, str]) -> None:
    found = compare(space_of(BASE), changed(pair))
    assert found.same_meaning
    assert found.breaks == {}
    assert found.size_ratio == 1


@pytest.mark.parametrize(
    ("pair", "breaks"),
    [
        (("{8, 16}, stride", "{16, 8}, stride"), set()),
        (("{8, 16}, stride", "{8, 12, 16}, stride"), set()),
        (("{8, 16}, stride", "{8, 16, 24}, stride"), {"WEIGHTS"}),
        (("taps = {1, 3}", "taps = {3, 5}"), {"ARCHITECTURES", "WEIGHTS"}),
        (("nodes = {4, 8}), se", "nodes = {4, 8})"), {"ARCHITECTURES", "WEIGHTS"}),
        (("model L", "model M"), {"SOURCE"}),
        (("space s", "space t"), {"SOURCE"}),
        (("size    = 16", "size    = 32"), {"ARCHITECTURES"}),
        (("classes = 3", "classes = 4"), {"ARCHITECTURES", "WEIGHTS"}),
        (("channels = 4)", "channels = {4, 6})"), {"ARCHITECTURES", "WEIGHTS"}),
        (("ratio = {1, 2})", "ratio = {1, 2}, kernel = {3x1x1, 5x1x1})"), {"ARCHITECTURES"}),
        (("ratio = {1, 2})", "ratio = 2)"), {"ARCHITECTURES"}),
    ],
)
def test_what_breaks_is_told(pair: tuple[str, str], breaks: set[str]) -> None:
    assert set(compare(space_of(BASE), changed(pair)).breaks) == breaks


def test_weights_are_those_of_the_supernets(tiny: tsdsl.Space) -> None:
    old, new = space_of(BASE), changed(("{8, 16}, stride", "{8, 24}, stride"))
    sizes = [
        {name: tuple(tensor.shape) for name, tensor in Supernet(Blueprint(space)).placed.items()}
        for space in (old, new)
    ]
    found = compare(old, new).weights
    assert dict(found.changed) == {n: (s, sizes[1][n]) for n, s in sizes[0].items() if sizes[1][n] != s}
    assert found.kept == sum(sizes[1][name] == shape for name, shape in sizes[0].items())
    assert compare(tiny, tiny).weights.kept == len(Supernet(Blueprint(tiny)).placed)


def test_targets_and_epochs_of_steps_are_compared_and_break_nothing() -> None:
    found = compare(
        changed(("fusion, attention }", "fusion, attention  target = 2 MFLOPs  epochs = 4 }")), space_of(BASE)
    )
    assert [(c.path, c.old, c.new) for c in found.budgets] == [
        ("step 1.target", (2_000_000,), ("none",)),
        ("step 1.epochs", (4,), (1,)),
    ]
    assert found.breaks == {}
    assert compare(space_of(BASE), space_of(BASE)).budgets == ()
