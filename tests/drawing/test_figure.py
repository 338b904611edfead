"""Figure view and difference: what is shown, that nothing is cut, and that the text is the same each time."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

import tsdsl
from support.picture_checks import HOSTILE, assert_nothing_is_cut, texts
from tsdsl.drawing.figure import COLUMNS_A_LINE, draw_box, draw_figure, wrapped
from tsdsl.drawing.figure_difference import changed_boxes, draw_difference
from tsdsl.drawing.font import advances, shortened, text_width_px
from tsdsl.drawing.found import FoundModel, found_model
from tsdsl.drawing.rasterise import svg_to_pdf, svg_to_png
from tsdsl.drawing.theme import DARK, KERNEL_FILLS, LIGHT, ON_FILL, OTHER_KERNEL_FILL, Theme, contrast
from tsdsl.network.layout import Blueprint
from tsdsl.space.parts import Scale


def found(space: tsdsl.Space, seed: int = 3, step: int | None = None, scale: str | None = None) -> FoundModel:
    scaled = next((m for m in space.models if m.name == scale), Scale(name=""))
    return found_model(Blueprint(space, scale=scaled), next(space.sample(seed=seed, step=step)))


def test_a_figure_has_the_channels_kernel_and_expansion_of_every_group(auto_tsnet: tsdsl.Space) -> None:
    architecture = next(auto_tsnet.sample(seed=3))
    model = found_model(Blueprint(auto_tsnet), architecture)
    shown = texts(draw_figure(model))
    assert len(model.boxes) == 26
    assert model.macs == architecture.flops
    for box in model.boxes:
        assert str(box.channels) in shown
    assert shown.count("e 6") == sum(box.expansion == 6 for box in model.boxes)
    chosen = [v for path, v in architecture.decisions.items() if path.startswith("fusion") and v != "none"]
    assert [arrow.operator for arrow in model.arrows] == chosen


def test_a_figure_has_a_star_for_each_attention(tiny: tsdsl.Space) -> None:
    model = found(tiny)
    stars = sum(len(box.attention) for box in model.boxes)
    assert stars == 3
    of_the_legend = 1
    assert draw_figure(model).count('stroke-linejoin="round"') == stars + of_the_legend


def test_a_figure_of_an_earlier_step_has_only_its_streams(tiny: tsdsl.Space) -> None:
    shown = texts(draw_figure(found(tiny, step=1)))
    assert "sparse" in shown
    assert "dense" not in shown


def test_a_figure_shows_the_model_it_is_scaled_to(tiny: tsdsl.Space) -> None:
    assert found(tiny, scale="L").size_px == 64
    assert "at 64 px" in draw_figure(found(tiny, scale="L"))


@pytest.mark.parametrize("theme", [LIGHT, DARK])
@pytest.mark.parametrize("scale", ["S", "L"])
def test_no_text_of_a_figure_is_cut_or_tiny(auto_tsnet: tsdsl.Space, theme: Theme, scale: str) -> None:
    assert_nothing_is_cut(draw_figure(found(auto_tsnet, scale=scale), theme=theme))


def test_a_long_network_goes_on_in_lines_broken_between_stages() -> None:
    places = [(stage, group) for stage in range(4) for group in range(1, 7)]
    lines = list(wrapped(places, 14))
    assert [len(line) for line in lines] == [12, 12]
    assert [place for line in lines for place in line] == places
    single = list(wrapped([(0, group) for group in range(1, 31)], 14))
    assert [len(line) for line in single] == [14, 14, 2]
    assert COLUMNS_A_LINE >= 13


def test_boxes_are_of_one_readable_height_where_none_has_an_expansion() -> None:
    space = tsdsl.load("std:slowfast")
    svg = draw_figure(found(space, seed=0))
    boxes = [r for r in ElementTree.fromstring(svg).iter() if r.tag.endswith("rect") and r.get("width") == "44"]
    assert len(boxes) == 12
    assert {box.get("height") for box in boxes} == {"40"}
    assert_nothing_is_cut(svg)


def test_kernels_without_a_colour_of_their_own_share_an_entry_of_the_legend(tiny: tsdsl.Space) -> None:
    model = found(tiny)
    kernels = [(1, 9, 9), (7, 11, 11), (3, 3, 3)]
    boxes = tuple(replace(box, kernel=kernels[number % 3]) for number, box in enumerate(model.boxes))
    shown = texts(draw_figure(replace(model, boxes=boxes)))
    assert {"k 3 x 3", "k 9 x 9, 11 x 11", "t 7, striped"} <= set(shown)


def test_a_count_of_blocks_stands_over_stars_where_both_have_no_room(tiny: tsdsl.Space) -> None:
    box = replace(found(tiny).boxes[0], num_blocks=4, attention=("glore", "se"))
    narrow, wide = (ElementTree.fromstring(f"<g>{''.join(draw_box(box, 0, 50, w, 40, LIGHT))}</g>") for w in (29, 80))
    heights = [next(float(e.get("y", "")) for e in svg.iter("text") if e.text == "× 4") for svg in (narrow, wide)]
    assert heights == [9, 25]


def test_equal_architectures_have_no_difference(tiny: tsdsl.Space) -> None:
    assert changed_boxes(found(tiny), found(tiny)) == []
    assert "tiny: two architectures differ in 0 groups and 0 fusion arrows" in texts(
        draw_difference(found(tiny), found(tiny))
    )


def test_a_difference_names_what_changed_and_nothing_else(tiny: tsdsl.Space) -> None:
    one = next(tiny.sample(seed=3))
    path = "sparse.stage1.group1.channels"
    before, after = one.decisions[path], next(v for v in (16, 24) if v != one.decisions[path])
    other = one.model_copy(update={"decisions": {**one.decisions, path: after}})
    first, second = (found_model(Blueprint(tiny), a) for a in (one, other))
    assert changed_boxes(first, second) == [("sparse", (1, 1))]
    svg = draw_difference(first, second)
    assert f"{before} → {after}" in texts(svg)
    assert sum(" → " in text for text in texts(svg)) == 1
    assert_nothing_is_cut(svg)


def test_a_difference_marks_an_arrow_that_only_one_has(tiny: tsdsl.Space) -> None:
    one = next(tiny.sample(seed=3))
    path = "fusion.stage1.group1.op"
    other = one.model_copy(update={"decisions": {**one.decisions, path: "none"}})
    assert one.decisions[path] != "none"
    svg = draw_difference(*(found_model(Blueprint(tiny), a) for a in (one, other)))
    assert "tiny: two architectures differ in 0 groups and 1 fusion arrow" in texts(svg)
    assert texts(svg).count("A") == 2  # in the heading and on the arrow


def test_a_stream_that_only_one_architecture_has_is_shown_as_absent_in_the_other(tiny: tsdsl.Space) -> None:
    svg = draw_difference(found(tiny, step=1), found(tiny))
    assert svg.count('stroke-dasharray="3 3"') == 5
    assert_nothing_is_cut(svg)


def test_hostile_names_are_shortened_and_break_nothing(tiny: tsdsl.Space) -> None:
    model = found(tiny)
    boxes = tuple(replace(box, stream=HOSTILE) if box.stream == "sparse" else box for box in model.boxes)
    frames = {HOSTILE: 4, "dense": 16}
    hostile = replace(model, space=HOSTILE, frames=frames, boxes=boxes, arrows=())
    for svg in (draw_figure(hostile, HOSTILE), draw_difference(hostile, hostile, (HOSTILE, HOSTILE))):
        assert_nothing_is_cut(svg)
        assert svg_to_png(svg).startswith(b"\x89PNG")
        assert svg_to_pdf(svg).startswith(b"%PDF")


def test_a_number_stays_after_a_name_that_is_written_from_the_right(tiny: tsdsl.Space) -> None:
    shown = texts(draw_difference(found(tiny), found(tiny), ("שלום", "\u202esecond")))
    assert any(text.startswith("שלום\u200e: ") for text in shown)
    assert any(text.startswith("\ufffdsecond: ") for text in shown)


def test_a_figure_is_the_same_each_time_and_has_no_ids(auto_tsnet: tsdsl.Space) -> None:
    svg = draw_figure(found(auto_tsnet))
    assert svg == draw_figure(found(auto_tsnet))
    assert " id=" not in svg


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_colours_have_the_contrast_that_reading_needs(theme: Theme) -> None:
    for colour in (theme.text, theme.muted, theme.mark, *theme.lines, *theme.fusion_kinds.values(), theme.fusion):
        assert contrast(colour, theme.background) >= 4.5
        assert contrast(colour, theme.band) >= 4.5
    for tint in (*theme.tints, theme.fusion_tint, theme.neutral):
        assert contrast(theme.text, tint) >= 7
    assert contrast(theme.edge, theme.background) >= 3
    for fill in (*KERNEL_FILLS.values(), OTHER_KERNEL_FILL):
        assert contrast(fill, ON_FILL) >= 4.5


def test_the_width_of_text_is_that_of_the_shipped_font() -> None:
    assert text_width_px("i", 10) < text_width_px("m", 10)
    assert text_width_px("stage", 10, bold=True) > text_width_px("stage", 10)
    assert advances()[ord("n")] == pytest.approx(1139 / 2048)


def test_shortened_text_fits_and_keeps_both_ends() -> None:
    short = shortened("stage" * 50 + "end", 80, 11)
    assert text_width_px(short, 11) <= 80
    assert short.startswith("stage")
    assert short.endswith("end")
    assert shortened("fits", 80, 11) == "fits"
