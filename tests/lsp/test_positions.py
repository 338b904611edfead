"""Offsets and the protocol's positions, in every encoding and with every line end."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdsl.lsp.positions import Encoding, Place, Positions

TEXTS = st.text(st.sampled_from("aé€𝒳\n\r\t\u2028\x0b "), max_size=30)
ENCODINGS = st.sampled_from(get_args(Encoding))


@pytest.mark.parametrize(("encoding", "column"), [("utf-8", 10), ("utf-16", 5), ("utf-32", 4)])
def test_columns_count_the_code_units_of_the_encoding(encoding: Encoding, column: int) -> None:
    assert Positions("\né€𝒳a|", encoding).place(5) == Place(1, column)
    assert Positions("\né€𝒳a|", encoding).offset(Place(1, column)) == 5


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_each_line_end_begins_a_line_and_belongs_to_the_one_before(end: str) -> None:
    positions = Positions(f"ab{end}cd{end}")
    assert positions.place(2 + len(end)) == Place(1, 0)
    assert positions.offset(Place(0, 99)) == 2
    assert positions.offset(Place(1, 1)) == 3 + len(end)
    assert positions.offset(Place(9, 0)) == 4 + 2 * len(end)


def test_what_python_takes_for_a_line_end_is_none_of_the_protocol() -> None:
    assert Positions("a\u2028b\x0bc\x85d").place(6) == Place(0, 6)


@given(TEXTS, ENCODINGS)
def test_an_offset_survives_both_ways_and_one_within_a_line_end_becomes_its_begin(
    text: str, encoding: Encoding
) -> None:
    positions = Positions(text, encoding)
    for offset in range(len(text) + 1):
        splits = text[max(0, offset - 1) : offset + 1] == "\r\n"
        assert positions.offset(positions.place(offset)) == offset - splits


@given(TEXTS, ENCODINGS)
def test_a_column_is_the_length_of_the_encoded_line_before_it(text: str, encoding: Encoding) -> None:
    positions = Positions(text, encoding)
    size = {"utf-8": 1, "utf-16": 2, "utf-32": 4}[encoding]
    codec = {"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}[encoding]
    for offset in range(len(text) + 1):
        if text[max(0, offset - 1) : offset + 1] == "\r\n":
            continue
        start = max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1
        assert positions.place(offset).character == len(text[start:offset].encode(codec)) // size


@given(TEXTS, ENCODINGS, st.integers(0, 9), st.integers(0, 40))
def test_any_place_gives_an_offset_of_the_text(text: str, encoding: Encoding, line: int, character: int) -> None:
    assert 0 <= Positions(text, encoding).offset(Place(line, character)) <= len(text)
