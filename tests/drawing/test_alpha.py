"""Alpha view: probabilities, entropies, the epoch shown, and that epochs are frames of one size."""

from __future__ import annotations

from math import log
from typing import Any

import pytest

import tsdsl
from support.picture_checks import HOSTILE, assert_nothing_is_cut, texts
from tsdsl.drawing.alpha import DARK_INK, PALE_INK, alpha_epochs, draw_alpha, entropy_nats
from tsdsl.drawing.theme import DARK, LIGHT, Theme, contrast, mixed


def entries(space: tsdsl.Space, step: int, epochs: int = 3) -> list[dict[str, Any]]:
    """A search that leans towards the first choice, more with each epoch."""
    found = []
    for epoch in range(epochs):
        probabilities = {}
        for path in space.step(step).decisions:
            count = len(space.decision_by_path[path].values)
            lean = 0.9 * epoch / epochs
            probabilities[path] = [lean + (1 - lean) / count] + [(1 - lean) / count] * (count - 1)
        entropy = sum(entropy_nats(p) for p in probabilities.values())
        found.append(
            {"epoch": epoch, "entropy": entropy, "expected_flops": 2.0e7, "probabilities": probabilities, "extra": 1}
        )
    return found


def test_every_choice_of_the_step_stands_in_a_cell(tiny: tsdsl.Space) -> None:
    history = alpha_epochs(entries(tiny, 2))
    shown = texts(draw_alpha(tiny, history))
    decisions = [tiny.decision_by_path[path] for path in tiny.step(2).decisions]
    expansions = sum(d.path.endswith("expansion") for d in decisions)
    assert shown.count("2.25") == expansions == 3
    assert shown.count("time to channel") == len(tiny.fusions)
    assert "fusion dense to sparse" in shown
    assert "stage 1 group 1" in shown


def test_entropy_is_in_nats() -> None:
    assert entropy_nats([0.25] * 4) == pytest.approx(log(4))
    assert entropy_nats([1.0, 0.0]) == 0


def test_the_epoch_asked_for_is_shown_and_all_have_one_size(tiny: tsdsl.Space) -> None:
    history = alpha_epochs(entries(tiny, 1))
    pictures = [draw_alpha(tiny, history, index) for index in range(len(history))]
    for index, picture in enumerate(pictures):
        assert any(text.startswith(f"epoch {index} of 2:") for text in texts(picture))
    sizes = {picture.split("role=")[0] for picture in pictures}
    assert len(sizes) == 1
    assert len(set(pictures)) == 3


def test_the_most_probable_choice_is_outlined_only_where_there_is_one(tiny: tsdsl.Space) -> None:
    history = alpha_epochs(entries(tiny, 1))
    of_the_legend = 1
    outlines = [draw_alpha(tiny, history, i).count(f'stroke="{LIGHT.mark}" stroke-width="2"') for i in (0, 2)]
    assert outlines == [of_the_legend, of_the_legend + len(tiny.step(1).decisions)]


def test_an_epoch_that_was_written_twice_counts_as_it_ended(tiny: tsdsl.Space) -> None:
    lines = entries(tiny, 1)
    lines.append({**lines[2], "entropy": 1.5})
    history = alpha_epochs(lines)
    assert [epoch.epoch for epoch in history] == [0, 1, 2]
    assert history[-1].entropy == 1.5


@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_no_text_is_cut_or_tiny(auto_tsnet: tsdsl.Space, step: int, theme: Theme) -> None:
    svg = draw_alpha(auto_tsnet, alpha_epochs(entries(auto_tsnet, step)), 1, HOSTILE, theme)
    assert_nothing_is_cut(svg)
    assert svg == draw_alpha(auto_tsnet, alpha_epochs(entries(auto_tsnet, step)), 1, HOSTILE, theme)


def test_a_single_epoch_has_a_picture(tiny: tsdsl.Space) -> None:
    assert_nothing_is_cut(draw_alpha(tiny, alpha_epochs(entries(tiny, 1, epochs=1))))


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_text_in_a_cell_can_be_read_at_every_probability(theme: Theme) -> None:
    fills = [mixed(*theme.heat, percent / 100) for percent in range(101)]
    assert min(max(contrast(ink, fill) for ink in (DARK_INK, PALE_INK)) for fill in fills) >= 4.5
