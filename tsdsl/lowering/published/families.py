"""The names of published networks, and ours for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tsdsl.lowering.published.colours import IMAGENET, OURS, TORCHVISION_VIDEO, Colours

CLASSIFIER = "head.classifier.classifier"
KIND = r"\.(?P<kind>weight|bias|running_mean|running_var|num_batches_tracked)"


@dataclass(frozen=True, slots=True)
class Shipped:
    """A shipped network: a space of `std:FILE` and, if it has several sizes, a model."""

    file: str
    space: str
    model: str | None = None

    def __str__(self) -> str:
        space = f" --space {self.space}" if self.space != self.file else ""
        return f"std:{self.file}{space}" + (f" --model {self.model}" if self.model else "")


@dataclass(frozen=True, slots=True)
class Layers:
    """Layers at one place of a network: a pattern of how their names begin, and patterns of the rest with ours.

    Ours begin with a field: `{in_stage}` is the dotted name of block `block` of stage `stage` in pathway `pathway`, the
    groups of the pattern; `{stem}` that of the first block of the pathway, `{fusion}` that of the fusion after the
    stage, `{stream}` that of the first stream.
    """

    place: str
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Family:
    """How to recognise one family of published networks, and how to translate its names."""

    name: str
    marks: tuple[str, ...]
    """Names that all its networks have, and those of the families after it do not."""

    layers: tuple[Layers, ...]
    classifier: str
    """A pattern of the name of the layer that gives class scores."""

    networks: tuple[Shipped, ...]
    """The shipped networks that are the same as some of the family."""

    first_stage: int = 0
    """The number of the stem's stage in the names."""

    colours: Colours = OURS

    def rules(self) -> tuple[tuple[str, str], ...]:
        """Patterns of whole names, and ours with fields."""
        layers = (*self.layers, Layers("", {self.classifier: CLASSIFIER}))
        return tuple(
            (f"{part.place}{theirs}{KIND}", f"{ours}.{{kind}}")
            for part in layers
            for theirs, ours in part.names.items()
        )


def block(conv: str, norm: str, names: Mapping[str, str]) -> dict[str, str]:
    """Convolutions with BN in a block, by patterns in which `*` is replaced by each key of `names`."""
    return {
        pattern.replace("*", key): f"{{in_stage}}.{ours}{end}"
        for key, ours in names.items()
        for pattern, end in ((conv, ""), (norm, "_norm"))
    }


STEM = ("{stem}.conv", "{stem}.norm")
SHORTCUT = ("{in_stage}.shortcut", "{in_stage}.shortcut_norm")
BOTTLENECK = ("reduce", "conv", "restore")
BASIC = ("first", "second")
INVERTED = ("expand", "depthwise", "project")
SQUEEZE = ("{in_stage}.se.reduce", "{in_stage}.se.expand")
X3D_STEM = ("{stem}.spatial", "{stem}.temporal", "{stem}.norm")
X3D_HEAD = ("head.{stream}.pool.conv", "head.{stream}.pool.norm", "head.classifier.project")

X3D = tuple(Shipped("x3d", "x3d", model) for model in ("XS", "S", "M", "L", "XL"))
SLOWFAST = tuple(Shipped("slowfast", f"slowfast{rest}") for rest in ("", "_8x8", "_r101", "_r101_8x8"))
TSN, C2D, SLOW, I3D, I3D_STRIDED = (
    Shipped("single_stream", space) for space in ("tsn", "c2d", "slow", "i3d", "i3d_strided")
)
R3D, MC3 = Shipped("r3d", "r3d"), Shipped("r3d", "mc3")

PTV_BLOCK = r"blocks\.(?P<stage>\d+)\.res_blocks\.(?P<block>\d+)\."
PTV_PATH = r"blocks\.(?P<stage>\d+)\.multipathway_blocks\.(?P<pathway>\d+)\."
PTV_SHORTCUT = dict(zip(("branch1_conv", "branch1_norm"), SHORTCUT, strict=True))
PTV_BRANCH = (r"branch2\.conv_*", r"branch2\.norm_*")
PTV_BOTTLENECK = PTV_SHORTCUT | block(*PTV_BRANCH, dict(zip("abc", BOTTLENECK, strict=True)))
PTV_STEM = dict(zip(("conv", "norm"), STEM, strict=True))
PTV_HEAD = r"blocks\.\d+\.proj"

OWN_BLOCK = r"s(?P<stage>\d+)\.pathway(?P<pathway>\d+)_res(?P<block>\d+)\."
OWN_STEM = r"s1\.pathway(?P<pathway>\d+)_stem\."
OWN_SHORTCUT = dict(zip(("branch1", "branch1_bn"), SHORTCUT, strict=True))
OWN_BRANCH = (r"branch2\.*", r"branch2\.*_bn")
OWN_RESNET = (
    Layers(OWN_STEM, dict(zip(("conv", "bn"), STEM, strict=True))),
    Layers(OWN_BLOCK, OWN_SHORTCUT | block(*OWN_BRANCH, dict(zip("abc", BOTTLENECK, strict=True)))),
    Layers(r"s(?P<stage>\d+)_fuse\.", {"conv_f2s": "{fusion}.conv", "bn": "{fusion}.norm"}),
)
OWN_HEAD = r"head\.projection"

LAYER = r"layer(?P<stage>\d+)\.(?P<block>\d+)\."
MM_SHORTCUT = dict(zip((r"downsample\.conv", r"downsample\.bn"), SHORTCUT, strict=True))
MM_BRANCH = (r"conv*\.conv", r"conv*\.bn")
TV_SHORTCUT = dict(zip((r"downsample\.0", r"downsample\.1"), SHORTCUT, strict=True))
MM_HEAD, TV_HEAD = r"cls_head\.fc_cls", r"(?:fc|new_fc)"


def numbered(names: tuple[str, ...]) -> dict[str, str]:
    """Layers by the numbers from 1."""
    return {str(number): name for number, name in enumerate(names, 1)}


FAMILIES = (
    Family(
        "pytorchvideo's X3D",
        ("blocks.0.conv.conv_t.weight",),
        (
            Layers(r"blocks\.0\.", dict(zip((r"conv\.conv_t", r"conv\.conv_xy", "norm"), X3D_STEM, strict=True))),
            Layers(
                PTV_BLOCK,
                PTV_SHORTCUT
                | block(*PTV_BRANCH, {"a": "expand", "c": "project"})
                | block(r"branch2\.conv_*", r"branch2\.norm_*\.0", {"b": "depthwise"})
                | dict(zip((r"branch2\.norm_b\.1\.block\.0", r"branch2\.norm_b\.1\.block\.2"), SQUEEZE, strict=True)),
            ),
            Layers(r"blocks\.\d+\.pool\.", dict(zip(("pre_conv", "pre_norm", "post_conv"), X3D_HEAD, strict=True))),
        ),
        PTV_HEAD,
        X3D,
    ),
    Family(
        "pytorchvideo's SlowFast",
        ("blocks.0.multipathway_blocks.0.conv.weight",),
        (
            Layers(PTV_PATH, PTV_STEM),
            Layers(PTV_PATH + r"res_blocks\.(?P<block>\d+)\.", PTV_BOTTLENECK),
            Layers(
                r"blocks\.(?P<stage>\d+)\.multipathway_fusion\.",
                {"conv_fast_to_slow": "{fusion}.conv", "norm": "{fusion}.norm"},
            ),
        ),
        PTV_HEAD,
        SLOWFAST,
    ),
    Family(
        "pytorchvideo's Slow, C2D or I3D",
        ("blocks.0.conv.weight", "blocks.1.res_blocks.0.branch2.conv_b.weight"),
        (Layers(r"blocks\.0\.", PTV_STEM), Layers(PTV_BLOCK, PTV_BOTTLENECK)),
        PTV_HEAD,
        (SLOW, C2D, I3D),
    ),
    Family(
        "PySlowFast's X3D",
        ("s1.pathway0_stem.conv_xy.weight",),
        (
            Layers(OWN_STEM, dict(zip(("conv_xy", "conv", "bn"), X3D_STEM, strict=True))),
            Layers(
                OWN_BLOCK,
                OWN_SHORTCUT
                | block(*OWN_BRANCH, dict(zip("abc", INVERTED, strict=True)))
                | dict(zip((r"branch2\.se\.fc1", r"branch2\.se\.fc2"), SQUEEZE, strict=True)),
            ),
            Layers(r"head\.", dict(zip(("conv_5", "conv_5_bn", "lin_5"), X3D_HEAD, strict=True))),
        ),
        OWN_HEAD,
        X3D,
        first_stage=1,
    ),
    Family("PySlowFast's SlowFast", ("s1.pathway1_stem.conv.weight",), OWN_RESNET, OWN_HEAD, SLOWFAST, first_stage=1),
    Family(
        "PySlowFast's Slow, C2D or I3D",
        ("s1.pathway0_stem.conv.weight",),
        OWN_RESNET,
        OWN_HEAD,
        (SLOW, C2D, I3D, TSN),
        first_stage=1,
    ),
    Family(
        "mmaction2's X3D",
        ("conv1_s.conv.weight",),
        (
            Layers("", dict(zip((r"conv1_s\.conv", r"conv1_t\.conv", r"conv1_t\.bn"), X3D_STEM, strict=True))),
            Layers(
                LAYER,
                MM_SHORTCUT
                | block(*MM_BRANCH, numbered(INVERTED))
                | dict(zip((r"se_module\.fc1", r"se_module\.fc2"), SQUEEZE, strict=True)),
            ),
            Layers("", dict(zip((r"conv5\.conv", r"conv5\.bn", r"cls_head\.fc1"), X3D_HEAD, strict=True))),
        ),
        r"cls_head\.fc2",
        X3D,
    ),
    Family(
        "mmaction2's SlowOnly, I3D or TSN",
        ("conv1.conv.weight", "layer1.0.conv3.conv.weight"),
        (
            Layers(r"conv1\.", dict(zip(("conv", "bn"), STEM, strict=True))),
            Layers(LAYER, MM_SHORTCUT | block(*MM_BRANCH, numbered(BOTTLENECK))),
        ),
        MM_HEAD,
        (SLOW, I3D_STRIDED, TSN),
        colours=IMAGENET,
    ),
    Family(
        "torchvision's R3D or MC3",
        ("stem.0.weight", "layer1.0.conv2.0.weight"),
        (
            Layers("", dict(zip((r"stem\.0", r"stem\.1"), STEM, strict=True))),
            Layers(LAYER, TV_SHORTCUT | block(r"conv*\.0", r"conv*\.1", numbered(BASIC))),
        ),
        TV_HEAD,
        (R3D, MC3),
        colours=TORCHVISION_VIDEO,
    ),
    Family(
        "a ResNet of images or of TSN",
        ("conv1.weight", "layer1.0.conv3.weight"),
        (
            Layers("", dict(zip(("conv1", "bn1"), STEM, strict=True))),
            Layers(LAYER, TV_SHORTCUT | block("conv*", "bn*", numbered(BOTTLENECK))),
        ),
        TV_HEAD,
        (TSN,),
        colours=IMAGENET,
    ),
)
