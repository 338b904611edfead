"""The fusion operators: what one stream sends to the other at a place.

Each maps the source's T_A frames and C_A channels to the receiver's T_B frames. With `merge = concat` its channels are
appended to the receiver's. With `merge = sum` both must have the same number of channels, which the time-strided
convolution then produces. Source: SlowFast (Feichtenhofer et al., ICCV 2019), section 3.3, and its code; Auto-TSNet,
section 3.2.
"""

from __future__ import annotations

from tsdsl.operators.layers import Activation, BatchNorm, Block, Convolution, TakeFrames, TimeToChannel, Width
from tsdsl.operators.schema import Attribute, FusionOperator, FusionPlace, Settings
from tsdsl.operators.varying import scaled


def time_strided_conv(settings: Settings, width_in: Width, place: FusionPlace) -> Block:
    """Convolution with temporal stride T_A / T_B to `ratio` * C_A channels (C_B when summed), BN, ReLU."""
    if place.merge == "sum":
        width = Width.of(place.target_width.channels)
    else:
        width = Width.of(scaled(width_in.channels, settings.ratio("ratio")))
    stride = (place.frame_ratio, 1, 1)
    return Block(
        (
            Convolution("conv", width_in, width, settings.kernel("kernel"), stride),
            BatchNorm("norm", width),
            Activation("relu"),
        ),
        width,
    )


def time_strided_sample(settings: Settings, width_in: Width, place: FusionPlace) -> Block:
    """Every T_A / T_B-th frame, C_A channels."""
    return Block((TakeFrames(place.frame_ratio),), width_in)


def time_to_channel(settings: Settings, width_in: Width, place: FusionPlace) -> Block:
    """T_A / T_B consecutive frames folded into the channels: T_A / T_B * C_A of them."""
    return Block((TimeToChannel(place.frame_ratio),), width_in.times(place.frame_ratio, place.most_frame_ratio))


MERGE = Attribute(
    "merge",
    "keyword",
    "`concat` appends channels, `sum` adds features of equal width",
    "concat",
    keywords=("concat", "sum"),
    synonyms=(("cat", "concat"), ("concatenate", "concat"), ("add", "sum"), ("plus", "sum")),
)

TIME_STRIDED_CONV = FusionOperator(
    "time_strided_conv",
    "convolution with temporal stride",
    (
        Attribute("kernel", "kernel", "kernel size, t x h x w", "5x1x1", maximum=31, odd=True),
        Attribute(
            "ratio",
            "number",
            "output channels over the source's, when concatenated",
            2,
            minimum=0.01,
            maximum=64,
            matters_for=("merge", ("concat",)),
        ),
    ),
    time_strided_conv,
)
TIME_STRIDED_SAMPLE = FusionOperator("time_strided_sample", "every T_A / T_B-th frame", (), time_strided_sample)
TIME_TO_CHANNEL = FusionOperator("time_to_channel", "frames folded into channels", (), time_to_channel)
