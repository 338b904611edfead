"""The attention operators: GloRe, non-local and squeeze-excitation units that keep the width."""

from __future__ import annotations

from tsdsl.operators.layers import BatchNorm, Block, GlobalReasoning, NonLocal, Residual, SqueezeExcite, Width
from tsdsl.operators.schema import AttentionOperator, Attribute, Settings
from tsdsl.operators.varying import rounded, scaled


def glore(settings: Settings, width: Width) -> Block:
    """Global reasoning with N nodes and S = 2N states, BN (scale 0 at first), residual.

    N = C by default, which reproduces the added cost that the Auto-TSNet paper prints.
    """
    nodes = settings.count("nodes") if settings.given("nodes") else width.channels
    normalized = settings.is_any("normalize", "yes")
    unit = GlobalReasoning("glore", width, nodes, nodes * 2, normalized)
    return Block((Residual((unit, BatchNorm("norm", width, zero_init=True))),), width)


def nonlocal_(settings: Settings, width: Width) -> Block:
    """Embedded-Gaussian attention with `ratio` * C inner channels, BN (scale 0 at first), residual."""
    inner = scaled(width.channels, settings.ratio("ratio"))
    unit = NonLocal("nonlocal", width, inner, settings.count("pool"))
    return Block((Residual((unit, BatchNorm("norm", width, zero_init=True))),), width)


def squeeze_excite(settings: Settings, width: Width) -> Block:
    """Channel gates with a hidden width of `ratio` * C, rounded to a multiple of 8."""
    return Block((SqueezeExcite("se", width, rounded(width.channels, settings.ratio("ratio"), 8)),), width)


GLORE = AttentionOperator(
    "glore",
    "global reasoning unit",
    (
        Attribute("nodes", "integer", "nodes of the graph; by default the number of channels", optional=True),
        Attribute(
            "normalize",
            "keyword",
            "whether node features are divided by the number of positions",
            "no",
            keywords=("no", "yes"),
        ),
    ),
    glore,
)
NONLOCAL = AttentionOperator(
    "nonlocal",
    "embedded-Gaussian non-local attention",
    (
        Attribute("ratio", "number", "inner channels over the width", 0.5, minimum=0.01, maximum=1),
        Attribute("pool", "integer", "spatial max-pool of keys and values", 1, maximum=8),
    ),
    nonlocal_,
)
SQUEEZE_EXCITE = AttentionOperator(
    "se",
    "squeeze-excitation",
    (Attribute("ratio", "number", "hidden channels over the width", 0.0625, minimum=0.001, maximum=1),),
    squeeze_excite,
)
