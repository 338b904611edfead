"""The names of published networks and how to translate them: X3D and SlowFast of pytorchvideo and of PySlowFast."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from tsdsl.errors import FileError


@dataclass(frozen=True, slots=True)
class Family:
    """How to translate the names of one family of published networks.

    In `rules`, a pattern that matches a whole name gives ours. `{block:I}` is replaced by the dotted name of block
    `block` of the stage in pathway `I` of the pattern's groups, `{stem:I}` by that of the first block of pathway I.
    """

    name: str
    mark: str
    """A name that networks of this family alone have."""

    rules: tuple[tuple[str, str], ...]
    first_stage: int = 0
    """The number of the stem's stage in the names."""


RESIDUAL = r"res_blocks\.(?P<block>\d+)\."

X3D = Family(
    "pytorchvideo's X3D",
    "blocks.0.conv.conv_t.weight",
    (
        (r"blocks\.0\.conv\.conv_t\.(?P<rest>.+)", "{stem}.spatial.{rest}"),
        (r"blocks\.0\.conv\.conv_xy\.(?P<rest>.+)", "{stem}.temporal.{rest}"),
        (r"blocks\.0\.norm\.(?P<rest>.+)", "{stem}.norm.{rest}"),
        (rf"blocks\.(?P<stage>\d+)\.{RESIDUAL}branch1_conv\.(?P<rest>.+)", "{in_stage}.shortcut.{rest}"),
        (rf"blocks\.(?P<stage>\d+)\.{RESIDUAL}branch1_norm\.(?P<rest>.+)", "{in_stage}.shortcut_norm.{rest}"),
        (rf"blocks\.(?P<stage>\d+)\.{RESIDUAL}branch2\.conv_a\.(?P<rest>.+)", "{in_stage}.expand.{rest}"),
        (rf"blocks\.(?P<stage>\d+)\.{RESIDUAL}branch2\.norm_a\.(?P<rest>.+)", "{in_stage}.expand_norm.{rest}"),
        (rf"blocks\.(?P<stage>\d+)\.{RESIDUAL}branch2\.conv_b\.(?P<rest>.+)", "{in_stage}.depthwise.{rest}"),
        (
            rf"blocks\.(?P<stage>\d+)\.{RESIDUAL}branch2\.norm_b\.1\.block\.0\.(?P<rest>.+)",
            "{in_stage}.se.reduce.{rest}",
        ),
        (
            rf"blocks\.(?P<stage>\d+)\.{RESIDUAL}branch2\.norm_b\.1\.block\.2\.(?P<rest>.+)",
            "{in_stage}.se.expand.{rest}",
        ),
        (rf"blocks\.(?P<stage>\d+)\.{RESIDUAL}branch2\.norm_b\.0\.(?P<rest>.+)", "{in_stage}.depthwise_norm.{rest}"),
        (rf"blocks\.(?P<stage>\d+)\.{RESIDUAL}branch2\.conv_c\.(?P<rest>.+)", "{in_stage}.project.{rest}"),
        (rf"blocks\.(?P<stage>\d+)\.{RESIDUAL}branch2\.norm_c\.(?P<rest>.+)", "{in_stage}.project_norm.{rest}"),
        (r"blocks\.\d+\.pool\.pre_conv\.(?P<rest>.+)", "head.{stream}.pool.conv.{rest}"),
        (r"blocks\.\d+\.pool\.pre_norm\.(?P<rest>.+)", "head.{stream}.pool.norm.{rest}"),
        (r"blocks\.\d+\.pool\.post_conv\.(?P<rest>.+)", "head.classifier.project.{rest}"),
        (r"blocks\.\d+\.proj\.(?P<rest>.+)", "head.classifier.classifier.{rest}"),
    ),
)
PATH = r"blocks\.(?P<stage>\d+)\.multipathway_blocks\.(?P<pathway>\d+)\."
SLOWFAST = Family(
    "pytorchvideo's SlowFast",
    "blocks.0.multipathway_blocks.0.conv.weight",
    (
        (rf"{PATH}conv\.(?P<rest>.+)", "{stem}.conv.{rest}"),
        (rf"{PATH}norm\.(?P<rest>.+)", "{stem}.norm.{rest}"),
        (rf"{PATH}{RESIDUAL}branch1_conv\.(?P<rest>.+)", "{in_stage}.shortcut.{rest}"),
        (rf"{PATH}{RESIDUAL}branch1_norm\.(?P<rest>.+)", "{in_stage}.shortcut_norm.{rest}"),
        (rf"{PATH}{RESIDUAL}branch2\.conv_a\.(?P<rest>.+)", "{in_stage}.reduce.{rest}"),
        (rf"{PATH}{RESIDUAL}branch2\.norm_a\.(?P<rest>.+)", "{in_stage}.reduce_norm.{rest}"),
        (rf"{PATH}{RESIDUAL}branch2\.conv_b\.(?P<rest>.+)", "{in_stage}.conv.{rest}"),
        (rf"{PATH}{RESIDUAL}branch2\.norm_b\.(?P<rest>.+)", "{in_stage}.conv_norm.{rest}"),
        (rf"{PATH}{RESIDUAL}branch2\.conv_c\.(?P<rest>.+)", "{in_stage}.restore.{rest}"),
        (rf"{PATH}{RESIDUAL}branch2\.norm_c\.(?P<rest>.+)", "{in_stage}.restore_norm.{rest}"),
        (r"blocks\.(?P<stage>\d+)\.multipathway_fusion\.conv_fast_to_slow\.(?P<rest>.+)", "{fusion}.conv.{rest}"),
        (r"blocks\.(?P<stage>\d+)\.multipathway_fusion\.norm\.(?P<rest>.+)", "{fusion}.norm.{rest}"),
        (r"blocks\.\d+\.proj\.(?P<rest>.+)", "head.classifier.classifier.{rest}"),
    ),
)
RES = r"s(?P<stage>\d+)\.pathway(?P<pathway>\d+)_res(?P<block>\d+)\."
STEM = r"s1\.pathway(?P<pathway>\d+)_stem\."
OWN_X3D = Family(
    "PySlowFast's X3D",
    "s1.pathway0_stem.conv_xy.weight",
    (
        (rf"{STEM}conv_xy\.(?P<rest>.+)", "{stem}.spatial.{rest}"),
        (rf"{STEM}conv\.(?P<rest>.+)", "{stem}.temporal.{rest}"),
        (rf"{STEM}bn\.(?P<rest>.+)", "{stem}.norm.{rest}"),
        (rf"{RES}branch1\.(?P<rest>.+)", "{in_stage}.shortcut.{rest}"),
        (rf"{RES}branch1_bn\.(?P<rest>.+)", "{in_stage}.shortcut_norm.{rest}"),
        (rf"{RES}branch2\.a\.(?P<rest>.+)", "{in_stage}.expand.{rest}"),
        (rf"{RES}branch2\.a_bn\.(?P<rest>.+)", "{in_stage}.expand_norm.{rest}"),
        (rf"{RES}branch2\.b\.(?P<rest>.+)", "{in_stage}.depthwise.{rest}"),
        (rf"{RES}branch2\.b_bn\.(?P<rest>.+)", "{in_stage}.depthwise_norm.{rest}"),
        (rf"{RES}branch2\.se\.fc1\.(?P<rest>.+)", "{in_stage}.se.reduce.{rest}"),
        (rf"{RES}branch2\.se\.fc2\.(?P<rest>.+)", "{in_stage}.se.expand.{rest}"),
        (rf"{RES}branch2\.c\.(?P<rest>.+)", "{in_stage}.project.{rest}"),
        (rf"{RES}branch2\.c_bn\.(?P<rest>.+)", "{in_stage}.project_norm.{rest}"),
        (r"head\.conv_5\.(?P<rest>.+)", "head.{stream}.pool.conv.{rest}"),
        (r"head\.conv_5_bn\.(?P<rest>.+)", "head.{stream}.pool.norm.{rest}"),
        (r"head\.lin_5\.(?P<rest>.+)", "head.classifier.project.{rest}"),
        (r"head\.projection\.(?P<rest>.+)", "head.classifier.classifier.{rest}"),
    ),
    first_stage=1,
)
OWN_SLOWFAST = Family(
    "PySlowFast's SlowFast",
    "s1.pathway1_stem.conv.weight",
    (
        (rf"{STEM}conv\.(?P<rest>.+)", "{stem}.conv.{rest}"),
        (rf"{STEM}bn\.(?P<rest>.+)", "{stem}.norm.{rest}"),
        (rf"{RES}branch1\.(?P<rest>.+)", "{in_stage}.shortcut.{rest}"),
        (rf"{RES}branch1_bn\.(?P<rest>.+)", "{in_stage}.shortcut_norm.{rest}"),
        (rf"{RES}branch2\.a\.(?P<rest>.+)", "{in_stage}.reduce.{rest}"),
        (rf"{RES}branch2\.a_bn\.(?P<rest>.+)", "{in_stage}.reduce_norm.{rest}"),
        (rf"{RES}branch2\.b\.(?P<rest>.+)", "{in_stage}.conv.{rest}"),
        (rf"{RES}branch2\.b_bn\.(?P<rest>.+)", "{in_stage}.conv_norm.{rest}"),
        (rf"{RES}branch2\.c\.(?P<rest>.+)", "{in_stage}.restore.{rest}"),
        (rf"{RES}branch2\.c_bn\.(?P<rest>.+)", "{in_stage}.restore_norm.{rest}"),
        (r"s(?P<stage>\d+)_fuse\.conv_f2s\.(?P<rest>.+)", "{fusion}.conv.{rest}"),
        (r"s(?P<stage>\d+)_fuse\.bn\.(?P<rest>.+)", "{fusion}.norm.{rest}"),
        (r"head\.projection\.(?P<rest>.+)", "head.classifier.classifier.{rest}"),
    ),
    first_stage=1,
)
FAMILIES = (X3D, SLOWFAST, OWN_X3D, OWN_SLOWFAST)

OTHERS = (
    (r"backbone\..+", "mmaction2"),
    (r"(base_model|new_fc)\..+", "TSN or TSM"),
    (r"(stem|layer1)\.\d+\..+", "torchvision"),
    (r"s1\.pathway0_.+", "another network of PySlowFast"),
    (r"blocks\.\d+\..+", "another network of pytorchvideo"),
)
"""Patterns of names that are known, but not translated."""


def family_of(published: Mapping[str, Tensor], path: Path) -> Family:
    """The family of networks that these names belong to.

    Raises:
        FileError: the names are not of a known family.
    """
    for family in FAMILIES:
        if family.mark in published:
            return family
    first = next(iter(published), "nothing")
    origin = next((name for pattern, name in OTHERS if any(re.fullmatch(pattern, n) for n in published)), None)
    raise FileError(
        f"{path}: expected names of a known network, got {first}" + (f", as in {origin}" if origin else ""),
        help=f"give weights of {', '.join(family.name for family in FAMILIES)}",
    )


def num_classes(published: Mapping[str, Tensor]) -> int | None:
    """The number of classes of the weights, if they have a classifier."""
    names = (name for name in published if re.fullmatch(r"blocks\.\d+\.proj\.bias|head\.projection\.bias", name))
    return next((published[name].shape[0] for name in names), None)
