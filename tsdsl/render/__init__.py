"""Pictures of spaces and architectures, as SVG, PNG and PDF, with or without a Graphviz binary."""

from tsdsl.render.dot import render_dot
from tsdsl.render.graph import draw_architecture, draw_space
from tsdsl.render.rasterise import svg_to_pdf, svg_to_png, write_picture

__all__ = ["draw_architecture", "draw_space", "render_dot", "svg_to_pdf", "svg_to_png", "write_picture"]
