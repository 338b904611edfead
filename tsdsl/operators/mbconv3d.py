"""The `mbconv3d` operator: inverted-residual blocks with a depthwise 3D convolution.

Two conventions exist for the expansion and for the shortcut; both are attributes. The defaults are
MobileNetV2's (Sandler et al., CVPR 2018), which the Auto-TSNet paper names; X3D's (Feichtenhofer,
CVPR 2020) are `expand_from = output  shortcut = bare_projection  se = alternate  act = swish`
(`shortcut = projection` in SlowFast's code).
"""

from __future__ import annotations

from typing import cast

from tsdsl.operators.conv3d import STRIDE, strides_at
from tsdsl.operators.layers import (
    Activation,
    ActivationKind,
    BatchNorm,
    Block,
    Convolution,
    Layer,
    Residual,
    SqueezeExcite,
    Width,
    when,
)
from tsdsl.operators.schema import ACTIVATION, Attribute, BlockOperator, BlockPlace, Settings
from tsdsl.operators.varying import Count, differs, is_never, rounded, scaled


def inner_channels(settings: Settings, width_in: Width) -> Count:
    """Channels of the depthwise convolution, by the convention `expand_from`."""
    ratio = settings.ratio("expansion")
    if settings.keyword("expand_from") == "output":
        return scaled(settings.count("channels"), ratio)
    return rounded(width_in.channels, ratio, 8)


def squeeze(settings: Settings, inner: Width, place: BlockPlace) -> tuple[Layer, ...]:
    """The squeeze-excitation of this block, if `se` gives it one."""
    kind = settings.keyword("se")
    if kind == "none" or (kind == "alternate" and place.index_in_stage % 2 == 1):
        return ()
    hidden = rounded(inner.channels, settings.ratio("se_ratio"), 8)
    return (SqueezeExcite("se", inner, hidden),)


def layers(settings: Settings, width_in: Width, place: BlockPlace) -> Block:
    """Expand 1x1x1, depthwise t x k x k (strided), project 1x1x1, shortcut."""
    strides = strides_at(settings, place)
    inner = Width.of(inner_channels(settings, width_in))
    width = Width.of(settings.count("channels"))
    point: tuple[Count, Count, Count] = (1, 1, 1)
    kernel: tuple[Count, Count, Count] = (settings.count("t"), settings.count("k"), settings.count("k"))
    act = cast(ActivationKind, settings.keyword("act"))
    projects = settings.keyword("shortcut") != "identity"
    body: tuple[Layer, ...] = (
        Convolution("expand", width_in, inner, point),
        BatchNorm("expand_norm", inner),
        Activation("relu" if projects else act),
        Convolution("depthwise", inner, inner, kernel, strides, depthwise=True),
        BatchNorm("depthwise_norm", inner),
        *squeeze(settings, inner, place),
        Activation(act),
        Convolution("project", inner, width, point),
        BatchNorm("project_norm", width, zero_init=projects),
    )
    widened = differs(width_in.channels, width.channels)
    resized: Count = 1 if max(strides) > 1 else widened
    if projects:
        normed = widened if settings.keyword("shortcut") == "bare_projection" else resized
        shortcut = (
            *when(resized, Convolution("shortcut", width_in, width, point, strides)),
            *when(normed, BatchNorm("shortcut_norm", width)),
        )
        return Block((Residual(body, shortcut), Activation("relu")), width)
    kept: Count = 1 - resized if isinstance(resized, int) else resized * -1 + 1
    return Block(body if is_never(kept) else (Residual(body, condition=kept),), width)


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
            searchable=False,
        ),
        Attribute(
            "se_ratio",
            "number",
            "squeeze-excitation width over the inner width",
            0.0625,
            minimum=0.001,
            maximum=1,
        ),
        Attribute(
            "expand_from",
            "keyword",
            "which channels the expansion multiplies: input rounds to 8, output rounds down",
            "input",
            keywords=("input", "output"),
            searchable=False,
        ),
        Attribute(
            "shortcut",
            "keyword",
            "identity where sizes allow, or a projection where they differ, with BN or without where only strided",
            "identity",
            keywords=("identity", "projection", "bare_projection"),
            searchable=False,
        ),
    ),
    layers,
)
