"""What tests of pictures share: their texts, hostile names, and whether anything is cut."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

from tsdsl.drawing.font import text_width_px

HOSTILE = "<b>\"quoted\" & 'single' \\ é 漢字 \x01" + "x" * 200


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("text")]


def assert_nothing_is_cut(svg: str) -> None:
    """Every text lies within the picture, as wide as the shipped font makes it."""
    root = ElementTree.fromstring(svg)
    width, height = float(root.get("width", "0")), float(root.get("height", "0"))

    def visit(element: ElementTree.Element, dx: float, dy: float) -> None:
        move = re.match(r"translate\(([-\d.]+) ([-\d.]+)\)", element.get("transform", ""))
        if move:
            dx, dy = dx + float(move[1]), dy + float(move[2])
        if element.tag.endswith("text"):
            size = float(element.get("font-size", "11"))
            wide = text_width_px(element.text or "", size, element.get("font-weight") == "bold")
            x, y = dx + float(element.get("x", "0")), dy + float(element.get("y", "0"))
            if "rotate" in element.get("transform", ""):
                assert x - size >= 0
                assert y - wide / 2 >= 0
                assert y + wide / 2 <= height + 1
            else:
                left = x - {"middle": wide / 2, "end": wide}.get(element.get("text-anchor", "start"), 0)
                assert left >= -0.5, element.text
                assert left + wide <= width + 0.5, element.text
                assert size <= y <= height, element.text
            assert size >= 9, element.text
        for child in element:
            visit(child, dx, dy)

    visit(root, 0, 0)
