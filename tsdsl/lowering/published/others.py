"""Published networks that are recognised by their names, but cannot be translated, and why."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

_SHIFT = "it shifts or moves channels between frames, for which there is no operator"
_INCEPTION = "it consists of Inception modules, for which there is no operator"
_ATTENTION = "it consists of attention between patches; spaces describe convolutional networks"
_TSN = "for a ResNet without it, give weights of TSN (std:single_stream --space tsn) or SlowOnly (--space slow)"
_SLOWFAST = "give PySlowFast's or pytorchvideo's weights of SlowFast, for std:slowfast"
_R3D = "give torchvision's r3d_18 or mc3_18, for std:r3d"
CONVOLUTIONAL = "give weights of X3D, SlowFast, Slow, C2D, I3D, TSN, R3D or MC3; `tsdsl docs models` lists them"


@dataclass(frozen=True, slots=True)
class Other:
    """A network that is not translated, and the pattern of a part of a name that only such networks have."""

    name: str
    pattern: str
    reason: str
    instead: str
    is_depthwise: bool = False
    """Whether the tensor with this name must be a depthwise convolution in a network without X3D's stem."""

    def describes(self, tensors: Mapping[str, Tensor]) -> bool:
        """Whether the tensors are of such a network."""
        if self.is_depthwise and any(re.search(r"conv1_s\.|conv_xy\.", name) for name in tensors):
            return False
        return any(
            re.search(self.pattern, name) and (not self.is_depthwise or (tensor.dim() == 5 and tensor.shape[1] == 1))
            for name, tensor in tensors.items()
        )


OTHERS = (
    Other(
        "weights of tsdsl",
        r"^[a-z]\w*\.stage\d+\.group\d+\.block\d+\.",
        "they need no translation",
        "give the file as it is to `eval --weights`, `train --weights` or `export --weights`",
    ),
    Other("a TIN", r"\.net1\.(offset|weight)_net\.", _SHIFT, _TSN),
    Other("a TSM", r"layer\d+\.\d+\.(conv1\.(conv\.)?net|block\.conv)\.|features\.\d+\.conv\.\d+\.net\.", _SHIFT, _TSN),
    Other("a TANet", r"\.tam\.", "its temporal adaptive modules have no operator", _TSN),
    Other("a TRN", r"cls_head\.consensus\.|consensus\.(relation|fc_fusion)", "its relations have no operator", _TSN),
    Other(
        "a network with non-local blocks",
        r"non_?local",
        "its blocks lie between others of a stage and have more layers than ours",
        "give the weights of the network without them",
    ),
    Other("a TPN", r"^(module\.|model\.)*neck\.", "its temporal pyramid has no operator", _TSN),
    Other(
        "mmaction2's SlowFast",
        r"slow_path\.",
        "its lateral connections have neither BN nor ReLU, and ours have both",
        _SLOWFAST,
    ),
    Other(
        "mmaction2's R(2+1)D",
        r"(downsample|conv1)\.conv\.conv_s\.",
        "its shortcuts are pairs of convolutions, too, and ours are single ones",
        _R3D,
    ),
    Other(
        "torchvision's R(2+1)D",
        r"layer\d+\.\d+\.conv1\.0\.3\.weight",
        "the widths between its pairs of convolutions are others than those of the paper, which ours are",
        _R3D,
    ),
    Other(
        "pytorchvideo's R(2+1)D",
        r"branch2\.conv_b\.conv_t\.",
        "it convolves in time before space, and ours as in the paper, in space first",
        _R3D,
    ),
    Other(
        "a CSN",
        r"(conv2\.(\d\.)?conv|branch2\.conv_b)\.weight$",
        "its bottlenecks have depthwise convolutions that also halve the frames",
        "give weights of X3D, which has depthwise convolutions, for std:x3d",
        is_depthwise=True,
    ),
    Other("a C3D", r"conv3a(\.conv)?\.weight$", "its convolutions have biases, and its head flattens features", _R3D),
    Other("S3D or I3D with Inception modules", r"(features|base)\.\d+\.branch\d|[Mm]ixed_\d\w", _INCEPTION, _R3D),
    Other("a MoViNet", r"blocks\.b\d+_l\d+\.", "its convolutions are causal or scaled as ours are not", CONVOLUTIONAL),
    Other(
        "a video transformer",
        r"(attn|attention|attentions)\.\w*|patch_embed|cls_token|pos_embed|transformer\.",
        _ATTENTION,
        CONVOLUTIONAL,
    ),
)
"""Asked before families, as some share names with these; the first one that matches is named."""

UNKNOWN = (
    (r"^(.*\.)?layer1\.0\.conv2\.(conv\.)?weight$", "a ResNet with basic blocks"),
    (r"s\d\.pathway\d_", "PySlowFast"),
    (r"^(.*\.)?blocks\.\d+\.", "pytorchvideo"),
    (r"(^|\.)(backbone|cls_head)\.", "mmaction2"),
    (r"^(.*\.)?(stem|layer1)\.\d+\.", "torchvision"),
)
"""Patterns of names that networks of no family have, and whose they are."""
