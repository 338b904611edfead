"""The head of a network of any number of streams.

Per stream: 1x1x1 convolution to `expansion` times its last width (rounded down), BN, ReLU, global
average pool. The streams' features are concatenated in the order of the file; a linear layer without
bias to `features`, ReLU, dropout; the classifier. With one stream and X3D's sizes this is X3D's head.
That a two-stream head looks so is inferred: it fits the sizes that the Auto-TSNet paper prints.
"""

from __future__ import annotations

from tsdsl.operators.layers import (
    Activation,
    BatchNorm,
    Block,
    Convolution,
    Dropout,
    GlobalAveragePool,
    Linear,
    Width,
)
from tsdsl.operators.schema import Attribute, Settings
from tsdsl.operators.varying import scaled

HEAD_ATTRIBUTES = (
    Attribute("features", "integer", "features before the classifier", 2048, searchable=False),
    Attribute("dropout", "number", "dropout before the classifier", 0.5, minimum=0, maximum=0.99, searchable=False),
    Attribute(
        "expansion",
        "number",
        "channels of each stream's last convolution over its width",
        2.25,
        minimum=0.01,
        maximum=64,
        searchable=False,
    ),
)


def stream_head(settings: Settings, width_in: Width) -> Block:
    """The part of one stream, up to its pooled features."""
    width = Width.of(scaled(width_in.channels, settings.ratio("expansion")))
    return Block(
        (
            Convolution("conv", width_in, width, (1, 1, 1)),
            BatchNorm("norm", width),
            Activation("relu"),
            GlobalAveragePool(),
        ),
        width,
    )


def classifier(settings: Settings, width_in: Width, num_classes: int) -> Block:
    """From the concatenated features of all streams to the class scores.

    The projection starts as a convolution does (X3D's code); begun as small as the classifier, it would pass
    so little gradient that nothing below it learns.
    """
    features, classes = Width.of(settings.count("features")), Width.of(num_classes)
    dropout = settings.ratio("dropout")
    return Block(
        (
            Linear("project", width_in, features, bias=False, initialisation="conv"),
            Activation("relu"),
            Dropout(float(dropout) if isinstance(dropout, int | float) else 0.0),
            Linear("classifier", features, classes),
        ),
        classes,
    )
