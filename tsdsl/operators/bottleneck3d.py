"""The `bottleneck3d` operator: a ResNet bottleneck with a temporal kernel in one of three places.

Sources: ResNet (He et al., CVPR 2016); `temporal = first` as in SlowFast (Feichtenhofer et al., ICCV 2019),
`joint` as in inflated networks (I3D, Carreira and Zisserman, CVPR 2017), `factorised` as in R(2+1)D (Tran et al.,
CVPR 2018) and S3D (Xie et al., ECCV 2018).
"""

from __future__ import annotations

from tsdsl.operators.layers import Activation, BatchNorm, Block, Convolution, Layer, Width
from tsdsl.operators.residual import residual_block
from tsdsl.operators.schema import Attribute, BlockOperator, BlockPlace, Settings
from tsdsl.operators.strides import FRAME_STRIDE, STRIDE, strides_at
from tsdsl.operators.varying import scaled


def layers(settings: Settings, width_in: Width, place: BlockPlace) -> Block:
    """Reduce to `ratio` times the output, k x k convolution (strided), restore, shortcut; t where `temporal` says."""
    frame_stride, stride, _ = strides = strides_at(settings, place)
    width = Width.of(settings.count("channels"))
    inner = Width.of(scaled(width.channels, settings.ratio("ratio")))
    t, k = settings.count("t"), settings.count("k")
    temporal = settings.keyword("temporal")
    relu = Activation("relu")
    body: tuple[Layer, ...]
    if temporal == "first":
        body = (
            Convolution("reduce", width_in, inner, (t, 1, 1), (frame_stride, 1, 1)),
            BatchNorm("reduce_norm", inner),
            relu,
            Convolution("conv", inner, inner, (1, k, k), (1, stride, stride)),
        )
    else:
        body = (Convolution("reduce", width_in, inner, (1, 1, 1)), BatchNorm("reduce_norm", inner), relu)
        if temporal == "joint":
            body += (Convolution("conv", inner, inner, (t, k, k), strides),)
        else:
            body += (
                Convolution("spatial", inner, inner, (1, k, k), (1, stride, stride)),
                BatchNorm("spatial_norm", inner),
                relu,
                Convolution("conv", inner, inner, (t, 1, 1), (frame_stride, 1, 1)),
            )
    body += (
        BatchNorm("conv_norm", inner),
        relu,
        Convolution("restore", inner, width, (1, 1, 1)),
        BatchNorm("restore_norm", width, zero_init=True),
    )
    return residual_block(body, width_in, width, strides)


BOTTLENECK3D = BlockOperator(
    "bottleneck3d",
    "ResNet bottleneck with a temporal kernel",
    (
        Attribute("t", "integer", "temporal kernel size", maximum=31, odd=True),
        Attribute("k", "integer", "spatial kernel size", 3, maximum=31, odd=True),
        Attribute("channels", "integer", "output channels"),
        Attribute("ratio", "number", "inner channels over the output's", 0.25, minimum=0.01, maximum=4),
        Attribute(
            "temporal",
            "keyword",
            "where the temporal kernel is: in the first convolution, in the middle one, or after it",
            "first",
            keywords=("first", "joint", "factorised"),
            searchable=False,
            instead="choose between blocks: `block a = bottleneck3d(temporal = first, ...)`, "
            "`block b = bottleneck3d(temporal = joint, ...)`, `group {a, b}(...)`",
        ),
        STRIDE,
        FRAME_STRIDE,
    ),
    layers,
)
