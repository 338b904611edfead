"""Groups that differ only in the names of their decisions are laid out and counted once."""

from __future__ import annotations

from tsdsl.check.check import check
from tsdsl.network.group import GroupLayout
from tsdsl.network.layout import Blueprint
from tsdsl.operators.varying import Varying
from tsdsl.source import SourceFile

TEXT = """tsspace 1
space s {
  classes = 4
  size = 32
  block mb = mbconv3d(t = {1, 3}, k = 3, expansion = {2, 3})
  stream a {
    frames = 4
    stage 0 { group mb(channels = {8, 16}) }
    stage 1 { group mb(channels = {8, 16}) * 2 }
    stage 2 { group mb(channels = {8, 16}) * 2 }
    stage 3 { group mb(channels = {8, 24}) * 2 }
  }
  step 1 { search = a }
}
"""


def layout_of(text: str, stage: int) -> GroupLayout:
    layout = Blueprint(check(SourceFile("x", text)).spaces[0].space).whole.by_name[f"a.stage{stage}.group1"].layout
    assert layout is not None
    return layout


def test_groups_that_differ_in_names_alone_share_a_layout_and_keep_their_own_decisions() -> None:
    first, second, third = (layout_of(TEXT, stage) for stage in (1, 2, 3))
    assert second.first_alike is first.first_alike
    assert third.first_alike is not second.first_alike
    (segment,) = second.width_out.segments
    assert isinstance(segment.length, Varying)
    assert segment.length.paths == ("a.stage2.group1.channels",)
    assert layout_of(TEXT.replace("{8, 24}", "{8, 32}"), 2).first_alike is second.first_alike
