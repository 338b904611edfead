"""Turns SVG text into PNG, PDF and files, in process and with a font that is shipped, the same on every machine.

PNG is drawn by resvg. PDF is written by Typst, because it reads SVG with resvg's own parser (so both agree), keeps
text as searchable text with the font embedded, and comes as one wheel without a system library; cairosvg and
weasyprint need cairo or pango, PyMuPDF is AGPL, svglib reads only part of SVG.
"""

from __future__ import annotations

import os
import re
import uuid
from contextlib import suppress
from importlib.resources import as_file, files
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from tsdsl.errors import FileError, UsageError
from tsdsl.render.dot import RenderError
from tsdsl.render.font import FONT_NAME, advances

PICTURE_SUFFIXES = (".svg", ".png", ".pdf")
"""The kinds of file `write_picture` writes."""

MAX_PIXELS = 100_000_000
"""The largest PNG, 10,000 x 10,000; resvg ends the whole process where memory for a picture runs out."""

COMFORTABLE_PIXELS = 24_000_000
"""What a PNG has at most where its scale is not given, unless it has more at scale 1: more takes viewers long."""

MAX_PAGE_PT = 14_400
"""The longest side of a PDF page that all viewers open; a larger drawing is scaled down to it."""

_PX_PER_UNIT = {"": 1.0, "px": 1.0, "pt": 96 / 72, "pc": 16.0, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4}
_PT_PER_PX = 72 / 96


class _Size(NamedTuple):
    width_px: float
    height_px: float


def svg_to_png(svg: str, scale: float | None = None) -> bytes:
    """Returns the picture as PNG on white, `scale` image pixels to a pixel of the SVG; by default 2, large ones less.

    The shipped Arimo draws all text it has glyphs for; other scripts take a font of this machine, and a
    character that no font has is drawn as an empty box.

    Raises:
        UsageError: `scale` is not a positive number.
        RenderError: the text is not SVG, or the image would exceed `MAX_PIXELS`.
    """
    import resvg_py

    size = _size(svg)
    if scale is None:
        scale = min(2.0, max(1.0, (COMFORTABLE_PIXELS / (size.width_px * size.height_px)) ** 0.5))
    if not 0 < scale < float("inf"):
        raise UsageError(f"scale is {scale}", help="give a positive number, such as 2")
    num_pixels = size.width_px * size.height_px * scale * scale
    if num_pixels > MAX_PIXELS:
        raise RenderError(
            f"the PNG would have {num_pixels:.0f} pixels, more than {MAX_PIXELS}",
            help="write .svg or .pdf, which have no such limit, or use a smaller scale",
        )
    with as_file(files("tsdsl.render") / "fonts") as fonts:
        try:
            image: bytes = resvg_py.svg_to_bytes(
                svg_string=_with_shipped_font(svg),
                background="white",
                zoom=scale,
                dpi=96.0,
                font_files=[str(font) for font in sorted(fonts.glob("*.ttf"))],
                font_family=FONT_NAME,
                sans_serif_family=FONT_NAME,
                serif_family=FONT_NAME,
                skip_system_fonts=_is_covered(svg),
            )
        except ValueError as error:
            raise RenderError(f"the SVG cannot be drawn: {error}", help="check the SVG text") from error
    return image


def svg_to_pdf(svg: str) -> bytes:
    """Returns the picture as a PDF of one page of its size, text as text, without a date.

    A pixel is 0.75 pt; where a side would exceed `MAX_PAGE_PT` all is scaled down.

    Raises:
        RenderError: the text is not SVG.
    """
    import typst

    size = _size(svg)
    fit = min(1.0, MAX_PAGE_PT / (max(size.width_px, size.height_px) * _PT_PER_PX))
    width_pt = size.width_px * _PT_PER_PX * fit
    page = (
        "#set document(date: none)\n#set page(width: auto, height: auto, margin: 0pt)\n"
        f'#image(bytes(sys.inputs.svg), format: "svg", width: {width_pt:.4f}pt)\n'
    )
    with as_file(files("tsdsl.render") / "fonts") as fonts:
        try:
            return typst.compile(
                page.encode(),
                format="pdf",
                sys_inputs={"svg": _with_shipped_font(svg)},
                font_paths=typst.Fonts(include_system_fonts=not _is_covered(svg), font_paths=[str(fonts)]),
            )
        except typst.TypstError as error:
            raise RenderError(f"the SVG cannot be drawn: {error}", help="check the SVG text") from error


def write_picture(svg: str, path: Path) -> None:
    """Writes the picture to `path` as SVG, PNG or PDF by its suffix, whole or not at all.

    Raises:
        UsageError: another suffix.
        RenderError: the picture cannot be drawn in that kind.
        FileError: the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in PICTURE_SUFFIXES:
        raise UsageError(
            f"{path}: no kind of picture has the suffix {path.suffix!r}",
            help="name a file that ends in .svg, .png or .pdf",
        )
    if suffix == ".png":
        content = svg_to_png(svg)
    elif suffix == ".pdf":
        content = svg_to_pdf(svg)
    else:
        content = svg.encode("utf-8")
    partial = path.with_name(f".tsdsl-{uuid.uuid4().hex}.tmp")
    try:
        with partial.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise FileError(
            f"{path}: cannot write the picture: {error.strerror or error}",
            help="name a file in a folder that exists and can be written",
        ) from error


def _size(svg: str) -> _Size:
    """Returns the size of the picture from width and height, or else the viewBox. Raises RenderError."""
    try:
        root = ElementTree.fromstring(svg)
    except (ElementTree.ParseError, ValueError) as error:
        raise RenderError(f"the SVG is not well-formed: {error}", help="check the SVG text") from error
    box = root.get("viewBox", "").replace(",", " ").split()
    sides_px: list[float] = []
    for axis, name in enumerate(("width", "height")):
        length = root.get(name) or (box[2 + axis] if len(box) == 4 else "")
        parts = re.fullmatch(r"(\d+\.?\d*|\.\d+)([a-z]*)", length.strip())
        if parts is None or parts[2] not in _PX_PER_UNIT:
            raise RenderError(f"the SVG has {name} {length!r}", help="give width and height in pixels")
        sides_px.append(float(parts[1]) * _PX_PER_UNIT[parts[2]])
    if min(sides_px) <= 0:
        raise RenderError(f"the SVG is {sides_px[0]:g} x {sides_px[1]:g} pixels", help="give it a positive size")
    return _Size(*sides_px)


def _with_shipped_font(svg: str) -> str:
    """Returns the SVG with Arimo as last resort of each font-family, since resvg drops text it has no font for."""
    return re.sub(r'font-family="([^"]*)"', rf'font-family="\1,{FONT_NAME}"', svg)


def _is_covered(svg: str) -> bool:
    """Says whether the shipped font has a glyph for each character, so that no font of the machine is needed."""
    return svg.isascii() or {ord(character) for character in svg if character >= " "} <= advances().keys()
