"""Draws spaces, architectures and searches as SVG, PNG and PDF; a Graphviz binary is optional."""

from tsdsl.drawing.alpha import AlphaEpoch, alpha_epochs, draw_alpha
from tsdsl.drawing.dot import render_dot
from tsdsl.drawing.figure import draw_figure
from tsdsl.drawing.figure_difference import draw_difference
from tsdsl.drawing.found import found_model
from tsdsl.drawing.graph import draw_architecture, draw_space
from tsdsl.drawing.landscape import CostMark, ModelPoint, draw_landscape
from tsdsl.drawing.rasterise import svg_to_pdf, svg_to_png, write_picture

__all__ = [
    "AlphaEpoch",
    "CostMark",
    "ModelPoint",
    "alpha_epochs",
    "draw_alpha",
    "draw_architecture",
    "draw_difference",
    "draw_figure",
    "draw_landscape",
    "draw_space",
    "found_model",
    "render_dot",
    "svg_to_pdf",
    "svg_to_png",
    "write_picture",
]
