"""The page of the commonest mistakes is what its generator makes, and each mistake is reported once."""

from __future__ import annotations

import pytest

from generate.mistake_pictures import DOCS, MISTAKES, PICTURES, RIGHT, Mistake, page, picture, wrong_text
from tsdsl.check.check import check
from tsdsl.source import SourceFile


def test_the_page_is_as_it_is_made() -> None:
    assert (DOCS / "mistakes.md").read_text(encoding="utf-8") == page()
    assert len(MISTAKES) == 10


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_picture_is_as_it_is_made_and_shows_one_mistake(mistake: Mistake) -> None:
    assert (DOCS / PICTURES / f"{mistake.name}.svg").read_text(encoding="utf-8") == picture(mistake)
    assert len(check(SourceFile("small.tsspace", wrong_text(mistake))).diagnostics) == 1
    assert "http" not in picture(mistake).replace("http://www.w3.org/2000/svg", "")


def test_the_text_without_a_mistake_is_clean() -> None:
    assert check(SourceFile("small.tsspace", RIGHT)).diagnostics == ()
