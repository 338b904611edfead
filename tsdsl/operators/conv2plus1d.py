"""The `conv2plus1d` operator: a spatial convolution, then a temporal one (R(2+1)D, Tran et al., CVPR 2018)."""

from __future__ import annotations

from tsdsl.operators.layers import Activation, BatchNorm, Block, Convolution, Layer, Sizes, Width
from tsdsl.operators.schema import ACTIVATION, Attribute, BlockOperator, BlockPlace, Settings, activations
from tsdsl.operators.strides import FRAME_STRIDE, STRIDE, strides_at
from tsdsl.operators.varying import Count, quotient, rounded


def matching_channels(width_in: Width, width: Width, kernel: Sizes) -> Count:
    """The inner channels for which the parameters are those of the whole convolution, rounded down (section 3.5)."""
    t, h, w = kernel
    inputs, outputs, area = width_in.channels, width.channels, h * w
    return quotient(t * area * inputs * outputs, area * inputs + t * outputs)


def factorised(
    name: str,
    width_in: Width,
    width: Width,
    kernel: Sizes,
    strides: Sizes,
    inner: Count | None = None,
    act: tuple[Layer, ...] = (Activation("relu"),),
) -> tuple[Layer, ...]:
    """1 x k x k to `inner` channels, BN, activation, t x 1 x 1 to the output's; strides where their kernels are."""
    between = Width.of(matching_channels(width_in, width, kernel) if inner is None else inner)
    return (
        Convolution(f"{name}_spatial", width_in, between, (1, *kernel[1:]), (1, *strides[1:])),
        BatchNorm(f"{name}_spatial_norm", between),
        *act,
        Convolution(name, between, width, (kernel[0], 1, 1), (strides[0], 1, 1)),
    )


def layers(settings: Settings, width_in: Width, place: BlockPlace) -> Block:
    """Spatial convolution, BN, activation, temporal convolution, BN, activation."""
    width = Width.of(settings.count("channels"))
    kernel: Sizes = (settings.count("t"), settings.count("k"), settings.count("k"))
    inner = rounded(width.channels, settings.ratio("ratio"), 8) if settings.given("ratio") else None
    act = activations(settings)
    convolutions = factorised("conv", width_in, width, kernel, strides_at(settings, place), inner, act)
    return Block((*convolutions, BatchNorm("norm", width), *act), width)


CONV2PLUS1D = BlockOperator(
    "conv2plus1d",
    "spatial convolution, then temporal convolution, batch normalisation and activation after each",
    (
        Attribute("t", "integer", "temporal kernel size", maximum=31, odd=True),
        Attribute("k", "integer", "spatial kernel size", maximum=31, odd=True),
        Attribute("channels", "integer", "output channels"),
        Attribute(
            "ratio",
            "number",
            "inner channels over the output's; by default the parameters are those of a whole convolution",
            optional=True,
            minimum=0.01,
            maximum=64,
        ),
        STRIDE,
        FRAME_STRIDE,
        ACTIVATION,
    ),
    layers,
)
