"""The `mbconv3d` operator: inverted-residual blocks with a depthwise 3D convolution.

Two conventions exist for the expansion and for the shortcut; both are attributes. The defaults are
MobileNetV2's (Sandler et al., CVPR 2018), which the Auto-TSNet paper names; X3D's (Feichtenhofer,
CVPR 2020) are `expand_from = output  shortcut = bare_projection  se = alternate  act = swish`
(`shortcut = projection` in SlowFast's code).
"""

from __future__ import annotations

from typing import cast

from tsdsl.operators.layers import (
    Activation,
    BatchNorm,
    Block,
    Convolution,
    Layer,
    Residual,
    Sizes,
    SqueezeExcite,
    Width,
    when,
)
from tsdsl.operators.residual import is_resized
from tsdsl.operators.schema import ACTIVATION, Attribute, BlockOperator, BlockPlace, Settings, activations
from tsdsl.operators.strides import STRIDE, strides_at
from tsdsl.operators.varying import Count, differs, is_never, minimum, negated, remainder, rounded, scaled


def inner_channels(settings: Settings, width_in: Width) -> Count:
    """Channels of the depthwise convolution, by the convention `expand_from`."""
    ratio, total = settings.ratio("expansion"), cast(Count, 0)
    for word, chosen in settings.words("expand_from"):
        own = scaled(settings.count("channels"), ratio) if word == "output" else rounded(width_in.channels, ratio, 8)
        total = total + own * chosen
    return total


def squeeze(settings: Settings, inner: Width, place: BlockPlace) -> tuple[Layer, ...]:
    """The squeeze-excitation of this block, where `se` gives it one."""
    present, alternate = settings.is_any("se", "all"), settings.is_any("se", "alternate")
    if not is_never(alternate):
        present = present + alternate * negated(remainder(place.index_in_stage, 2))
    if is_never(present):
        return ()
    return when(present, SqueezeExcite("se", inner, rounded(inner.channels, settings.ratio("se_ratio"), 8)))


def layers(settings: Settings, width_in: Width, place: BlockPlace) -> Block:
    """Expand 1x1x1, depthwise t x k x k (strided), project 1x1x1, shortcut."""
    strides = strides_at(settings, place)
    inner = Width.of(inner_channels(settings, width_in))
    width = Width.of(settings.count("channels"))
    point: Sizes = (1, 1, 1)
    kernel: Sizes = (settings.count("t"), settings.count("k"), settings.count("k"))
    projects = settings.is_any("shortcut", "projection", "bare_projection")
    body: tuple[Layer, ...] = (
        Convolution("expand", width_in, inner, point),
        BatchNorm("expand_norm", inner),
        *when(projects, Activation("relu")),
        *activations(settings, negated(projects)),
        Convolution("depthwise", inner, inner, kernel, strides, depthwise=True),
        BatchNorm("depthwise_norm", inner),
        *squeeze(settings, inner, place),
        *activations(settings),
        Convolution("project", inner, width, point),
        BatchNorm("project_norm", width, zero_init=minimum(projects) == 1),
    )
    widened = differs(width_in.channels, width.channels)
    resized = is_resized(width_in, width, strides)
    normed = settings.is_any("shortcut", "projection") * resized
    normed = normed + settings.is_any("shortcut", "bare_projection") * widened
    shortcut = (
        *when(projects * resized, Convolution("shortcut", width_in, width, point, strides)),
        *when(normed, BatchNorm("shortcut_norm", width)),
    )
    kept = projects + negated(projects) * negated(resized)
    summed = body if is_never(kept) else (Residual(body, shortcut, kept),)
    return Block((*summed, *when(projects, Activation("relu"))), width)


MBCONV3D = BlockOperator(
    "mbconv3d",
    "inverted residual with a depthwise 3D convolution",
    (
        Attribute("t", "integer", "temporal kernel size", maximum=31, odd=True),
        Attribute("k", "integer", "spatial kernel size", maximum=31, odd=True),
        Attribute(
            "expansion",
            "number",
            "inner channels over the channels `expand_from` names",
            minimum=0.01,
            maximum=64,
        ),
        Attribute("channels", "integer", "output channels"),
        STRIDE,
        ACTIVATION,
        Attribute(
            "se",
            "keyword",
            "squeeze-excitation: in no block, in all, or in blocks 0, 2, 4, ... of the stage",
            "none",
            keywords=("none", "all", "alternate"),
        ),
        Attribute(
            "se_ratio",
            "number",
            "squeeze-excitation width over the inner width",
            0.0625,
            minimum=0.001,
            maximum=1,
            matters_for=("se", ("all", "alternate")),
        ),
        Attribute(
            "expand_from",
            "keyword",
            "which channels the expansion multiplies: input rounds to 8, output rounds down",
            "input",
            keywords=("input", "output"),
        ),
        Attribute(
            "shortcut",
            "keyword",
            "identity where sizes allow, or a projection where they differ, with BN or without where only strided",
            "identity",
            keywords=("identity", "projection", "bare_projection"),
        ),
    ),
    layers,
)
