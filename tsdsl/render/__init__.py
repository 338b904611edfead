"""Draws spaces, architectures and searches as SVG, PNG and PDF; a Graphviz binary is optional."""

from tsdsl.render.alpha import AlphaEpoch, alpha_epochs, draw_alpha
from tsdsl.render.dot import render_dot
from tsdsl.render.figure import draw_figure
from tsdsl.render.figure_difference import draw_difference
from tsdsl.render.found import found_model
from tsdsl.render.graph import draw_architecture, draw_space
from tsdsl.render.landscape import CostMark, ModelPoint, draw_landscape
from tsdsl.render.rasterise import svg_to_pdf, svg_to_png, write_picture

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
