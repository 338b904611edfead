"""Converts SVG text to PNG and PDF in process with a shipped font, equal on every machine.

resvg draws PNG. Typst writes PDF: it reads SVG with the parser of resvg, so both agree, keeps text searchable, embeds
the font, and is one wheel without a system library. cairosvg and weasyprint need cairo or pango, PyMuPDF is AGPL,
svglib reads only part of SVG.
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

from tsdsl.drawing.dot import RenderError
from tsdsl.drawing.font import FONT_NAME, advances
from tsdsl.errors import FileError, UsageError

PICTURE_SUFFIXES = (".svg", ".png", ".pdf")
"""The kinds of file `write_picture` writes."""

MAX_PIXELS = 100_000_000
"""The largest PNG, 10,000 x 10,000; resvg ends the process if memory runs out."""

COMFORTABLE_PIXELS = 24_000_000
"""The maximum size of a PNG without a given scale, unless larger at scale 1: viewers are slow with more."""

MAX_PAGE_PT = 14_400
"""The longest side of a PDF page that all viewers open; larger drawings are scaled down."""

_PX_PER_UNIT = {"": 1.0, "px": 1.0, "pt": 96 / 72, "pc": 16.0, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4}
_PT_PER_PX = 72 / 96


class _Size(NamedTuple):
    width_px: float
    height_px: float


def svg_to_png(svg: str, scale: float | None = None) -> bytes:
    """The picture as PNG on white with `scale` image pixels per pixel of the SVG, by default 2, less if large.

    Text is set in the shipped Arimo, other scripts in a font of this machine, or as an empty box.

    Raises:
        UsageError: `scale` is not a positive number.
        RenderError: the text is not SVG, or the image would exceed `MAX_PIXELS`.
    """
    import resvg_py

    size = _size(svg)
    if scale is None:
        scale = min(2.0, max(1.0, (COMFORTABLE_PIXELS / (size.width_px * size.height_px)) ** 0.5))
    if not 0 < scale < float("inf"):
        raise UsageError(f"scale must be a positive number, got {scale}", help="for instance 2")
    num_pixels = size.width_px * size.height_px * scale * scale
    if num_pixels > MAX_PIXELS:
        raise RenderError(
            f"the PNG would have {num_pixels:.0f} pixels, more than {MAX_PIXELS}",
            help="write .svg or .pdf, or use a smaller scale",
        )
    with as_file(files("tsdsl.drawing") / "fonts") as fonts:
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
    """The picture as a one-page PDF of its size, with searchable text and without a date.

    A pixel is 0.75 pt; larger pages than `MAX_PAGE_PT` are scaled down.

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
    with as_file(files("tsdsl.drawing") / "fonts") as fonts:
        try:
            return typst.compile(
                page.encode(),
                format="pdf",
                sys_inputs={"svg": _with_shipped_font(svg)},
                font_paths=typst.Fonts(include_system_fonts=not _is_covered(svg), font_paths=[str(fonts)]),
            )
        except typst.TypstError as error:
            raise RenderError(f"the SVG cannot be drawn: {error}", help="check the SVG text") from error


def write_picture(svg: str, path: str | Path) -> None:
    """Write the picture to `path` atomically, as SVG, PNG or PDF by its suffix.

    Raises:
        UsageError: the suffix is unknown.
        RenderError: the picture cannot be drawn in that format.
        FileError: the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in PICTURE_SUFFIXES:
        raise UsageError(
            f"{path}: unknown kind of picture {path.suffix!r}",
            help="give a file ending in .svg, .png or .pdf",
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
            help="give a file in an existing, writable folder",
        ) from error


def _size(svg: str) -> _Size:
    """The size of the picture from width and height, or else the viewBox. Raises RenderError."""
    try:
        root = ElementTree.fromstring(svg)  # nosec B314: an SVG that tsdsl itself has just drawn
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
    """The SVG with Arimo as the fallback of each font-family, since resvg drops text without a font."""
    return re.sub(r'font-family="([^"]*)"', rf'font-family="\1,{FONT_NAME}"', svg)


def _is_covered(svg: str) -> bool:
    """Whether the shipped font has a glyph for every character, so no font of the machine is needed."""
    return svg.isascii() or {ord(character) for character in svg if character >= " "} <= advances().keys()
