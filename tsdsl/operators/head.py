"""The heads of a network of any number of streams: from each stream's features to the class scores.

`projected`: per stream a 1x1x1 convolution to `expansion` times its last width (rounded down), BN, ReLU, global
average pool. The streams' features are concatenated in the order of the file; then a linear layer without
bias to `features`, ReLU, dropout and the classifier. With one stream and X3D's sizes this is X3D's head.
The paper does not describe Auto-TSNet's head; this one agrees with the sizes that it prints.

`pooled`: per stream a global average pool; concatenated, dropout, the classifier. It is the head of ResNets and of
SlowFast (Feichtenhofer et al., ICCV 2019).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

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
from tsdsl.records import dataclass

PROJECTED, POOLED = "projected", "pooled"

KIND = Attribute(
    "kind",
    "keyword",
    "whether streams are projected before they are pooled, and their features before they are classified",
    PROJECTED,
    keywords=(PROJECTED, POOLED),
    searchable=False,
    instead="the other attributes depend on it: write a space for each kind, such as "
    "`space pooled from BASE { head { kind = pooled } }`",
)
DROPOUT = Attribute("dropout", "number", "dropout before the classifier", 0.5, minimum=0, maximum=0.99)
HEAD_ATTRIBUTES = (
    KIND,
    Attribute("features", "integer", "features before the classifier", 2048),
    DROPOUT,
    Attribute(
        "expansion",
        "number",
        "channels of each stream's last convolution over its width",
        2.25,
        minimum=0.01,
        maximum=64,
    ),
)


def projected_stream(settings: Settings, width_in: Width) -> Block:
    """The layers of one stream, up to its pooled features."""
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


def projected_classifier(settings: Settings, width_in: Width, num_classes: int) -> Block:
    """From the concatenated features of all streams to the class scores.

    The projection is initialised like a convolution (X3D's code). With weights as small as the classifier's, it would
    pass so little gradient that nothing below it learns.
    """
    features, classes = Width.of(settings.count("features")), Width.of(num_classes)
    return Block(
        (
            Linear("project", width_in, features, bias=False, initialisation="conv"),
            Activation("relu"),
            Dropout(settings.ratio("dropout")),
            Linear("classifier", features, classes),
        ),
        classes,
    )


def pooled_stream(settings: Settings, width_in: Width) -> Block:
    """The average of one stream's features."""
    return Block((GlobalAveragePool(),), width_in)


def pooled_classifier(settings: Settings, width_in: Width, num_classes: int) -> Block:
    """From the concatenated averages of all streams to the class scores."""
    classes = Width.of(num_classes)
    return Block((Dropout(settings.ratio("dropout")), Linear("classifier", width_in, classes)), classes)


StreamHead: TypeAlias = Callable[[Settings, Width], Block]
Classifier: TypeAlias = Callable[[Settings, Width, int], Block]


@dataclass(frozen=True, slots=True)
class Head:
    """One kind of head: its attributes, the layers of each stream, and those after their concatenation."""

    attributes: tuple[Attribute, ...]
    stream: StreamHead
    classifier: Classifier


HEADS: Mapping[str, Head] = MappingProxyType(
    {
        PROJECTED: Head(HEAD_ATTRIBUTES, projected_stream, projected_classifier),
        POOLED: Head((KIND, DROPOUT), pooled_stream, pooled_classifier),
    }
)


def head_kind(attributes: Mapping[str, object]) -> str:
    """The kind of head of a space."""
    return str(attributes.get("kind", PROJECTED))
