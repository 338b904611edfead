"""Names of published networks: which are translated, to which shipped network, and how others are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from support.published_modules import ResNet, images, mmaction2_name, own_name, pyslowfast_name
from tsdsl.errors import FileError, UsageError
from tsdsl.lowering import Model
from tsdsl.lowering.published.checkpoint import Checkpoint
from tsdsl.lowering.published.families import Shipped
from tsdsl.lowering.published.fit import fitted, fitting_networks, network_of, only_fitting, remarks
from tsdsl.lowering.published.recognise import Recognised, recognise

FILE = Path("weights.pth")
X3D_S = Shipped("x3d", "x3d", "S")
SLOW = Shipped("single_stream", "slow")


def state_of(shipped: Shipped, classes: int = 0) -> dict[str, Tensor]:
    """Names and shapes of a shipped network's weights."""
    with torch.device("meta"):
        return Model(network_of(shipped, classes)).state_dict()


def published_x3d(classes: int = 0) -> dict[str, Tensor]:
    return {own_name(name, "x3d"): tensor for name, tensor in state_of(X3D_S, classes).items()}


def published_resnet(rename: Callable[[str], str], stem_t: int, plain: bool = False) -> dict[str, Tensor]:
    """Names and shapes of a ResNet-50 of one stream."""
    times = ((1,) * 3, (1,) * 4, *(((1,) * 6, (1,) * 3) if plain else ((3,) * 6, (3,) * 3)))
    if stem_t == 5:
        times = ((3,) * 3, (3, 1) * 2, (3, 1) * 3, (1, 3, 1))
    with torch.device("meta"):
        return {rename(name): tensor for name, tensor in ResNet(stem_t, times, width=64).state_dict().items()}


@pytest.mark.parametrize(
    ("tensors", "family", "networks"),
    [
        (published_x3d(), "PySlowFast's X3D", ["std:x3d --model XS", "std:x3d --model S", "std:x3d --model M"]),
        (published_resnet(mmaction2_name, 1), "mmaction2's SlowOnly, I3D or TSN", ["std:single_stream --space slow"]),
        (
            published_resnet(mmaction2_name, 5),
            "mmaction2's SlowOnly, I3D or TSN",
            ["std:single_stream --space i3d_strided"],
        ),
        (published_resnet(pyslowfast_name, 5), "PySlowFast's Slow, C2D or I3D", ["std:single_stream --space i3d"]),
        (
            images(published_resnet(str, 1, plain=True)),
            "a ResNet of images or of TSN",
            ["std:single_stream --space tsn"],
        ),
    ],
)
def test_the_shipped_networks_that_weights_fit_are_found(
    tensors: dict[str, Tensor], family: str, networks: list[str]
) -> None:
    found = recognise(tensors, FILE)
    assert found.family.name == family
    assert [str(shipped) for shipped in fitting_networks(found)] == networks


def test_weights_that_fit_one_shipped_network_need_no_space() -> None:
    found = recognise(published_resnet(mmaction2_name, 1), FILE)
    assert only_fitting(found, FILE, None, None) == SLOW
    x3d = recognise(published_x3d(), FILE)
    assert only_fitting(x3d, FILE, None, "M") == Shipped("x3d", "x3d", "M")
    with pytest.raises(UsageError, match=r"fits std:x3d --model XS, std:x3d --model S, std:x3d --model M"):
        only_fitting(x3d, FILE, None, None)
    with pytest.raises(FileError, match="fits no shipped network"):
        only_fitting(x3d, FILE, None, "L")


def test_sizes_that_fit_do_not_excuse_other_strides() -> None:
    found = recognise(published_resnet(mmaction2_name, 5), FILE)
    network = network_of(Shipped("single_stream", "i3d"), 5)
    with pytest.raises(FileError, match="fits i3d by its sizes, but strides, pools") as caught:
        fitted(found, network, state_of(Shipped("single_stream", "i3d"), 5), FILE)
    assert caught.value.help == "these weights are of std:single_stream --space i3d_strided"


@pytest.mark.parametrize(
    ("shipped", "message"),
    [
        (Shipped("x3d", "x3d", "L"), r"rgb.stage1.group1.block3.* of x3d is missing"),
        (Shipped("x3d", "x3d", "XL"), r"s\d.* is .* x .*, and rgb.* of x3d is"),
        (SLOW, r"s1.pathway0_stem.conv_xy.weight does not belong to slow"),
    ],
)
def test_weights_of_another_network_are_refused_with_the_one_that_fits(shipped: Shipped, message: str) -> None:
    with pytest.raises(FileError, match=message) as caught:
        fitted(recognise(published_x3d(), FILE), network_of(shipped), state_of(shipped), FILE)
    assert caught.value.help == "these weights are of std:x3d --model XS or std:x3d --model S or std:x3d --model M"


@pytest.mark.parametrize("prefix", ["", "module.", "model.module.", "model.backbone.", "_orig_mod.net.encoder."])
def test_what_wraps_a_network_is_no_part_of_its_names(prefix: str) -> None:
    tensors = {f"{prefix}{name}": tensor for name, tensor in published_x3d(classes=7).items()}
    found = recognise({**tensors, "criterion.weight": torch.zeros(7)}, FILE)
    assert found.num_classes == 7
    assert found.tensors.keys() - {"criterion.weight"} == published_x3d().keys()
    left_out = () if not prefix else ("criterion.weight",)
    assert found.left_out == left_out


def test_weights_without_classifier_keep_the_models_own_and_say_so() -> None:
    tensors = {name: t for name, t in published_x3d().items() if not name.startswith("head.projection.")}
    found = recognise(tensors, FILE)
    network = network_of(X3D_S)
    state = Model(network, seed=0).state_dict()
    real = Recognised(found.family, {n: torch.ones(t.shape) for n, t in found.tensors.items()}, ("teacher.weight",))
    weights = fitted(real, network, state, FILE)
    assert torch.equal(weights["head.classifier.classifier.weight"], state["head.classifier.classifier.weight"])
    assert bool((weights["head.classifier.project.weight"] == 1).all())
    assert [remark.partition(":")[0] for remark in remarks(Checkpoint({}, "model", "ema"), real)] == [
        "the file has no classifier",
        "1 tensors beside the network were left out",
        "the weights are those under model; averages under ema were left out",
    ]


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        (
            "module.base_model.layer1.0.conv1.net.weight",
            (64, 64, 1, 1),
            "looks like a TSM: it shifts or moves channels",
        ),
        ("backbone.layer1.0.conv1.conv.net.weight", (64, 64, 1, 1), "looks like a TSM: it shifts"),
        ("backbone.layer1.0.conv1.conv.net1.offset_net.conv.weight", (1, 8, 3), "looks like a TIN"),
        (
            "backbone.slow_path.conv1_lateral.conv.weight",
            (16, 8, 5, 1, 1),
            "looks like mmaction2's SlowFast: its lateral",
        ),
        ("backbone.conv1.conv.conv_s.weight", (83, 3, 1, 7, 7), r"looks like mmaction2's R\(2\+1\)D"),
        ("layer1.0.conv1.0.3.weight", (64, 144, 3, 1, 1), r"looks like torchvision's R\(2\+1\)D"),
        (
            "blocks.1.res_blocks.0.branch2.conv_b.conv_t.weight",
            (64, 64, 3, 1, 1),
            r"looks like pytorchvideo's R\(2\+1\)D",
        ),
        ("blocks.1.res_blocks.0.branch2.conv_b.weight", (64, 1, 3, 3, 3), "looks like a CSN"),
        ("backbone.layer1.0.conv2.0.conv.weight", (64, 1, 3, 3, 3), "looks like a CSN"),
        ("backbone.layer2.1.non_local_block.g.conv.weight", (256, 512, 1, 1, 1), "looks like a network with non-local"),
        ("s3.pathway0_nonlocal1.conv_g.weight", (256, 512, 1, 1, 1), "looks like a network with non-local"),
        ("features.5.branch0.0.weight", (192, 832, 1, 1, 1), "looks like S3D or I3D with Inception"),
        ("Mixed_3b.b0.conv3d.weight", (64, 192, 1, 1, 1), "looks like S3D or I3D with Inception"),
        ("backbone.conv3a.conv.weight", (256, 128, 3, 3, 3), "looks like a C3D"),
        ("blocks.0.attn.qkv.weight", (9, 3), "looks like a video transformer"),
        ("rgb.stage0.group1.block0.conv.weight", (8, 3, 1, 3, 3), "looks like weights of tsdsl: they need no"),
        ("layer1.0.conv2.weight", (64, 64, 3, 3), "got layer1.0.conv2.weight, as in a ResNet with basic blocks"),
        ("s1.pathway0_stem_conv_xy.kernel.conv.weight", (24, 3, 1, 3, 3), "as in PySlowFast"),
        ("blocks.0.proj.weight", (1,), "as in pytorchvideo"),
        ("backbone.other.weight", (1,), "as in mmaction2"),
        ("stem.0.conv.weight", (1,), "as in torchvision"),
        ("fc.weight", (1,), "expected names of a known network, got fc.weight$"),
    ],
)
def test_a_network_that_is_not_translated_is_refused_by_name(name: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(FileError, match=rf"^weights\.pth: .*{message}") as caught:
        recognise({name: torch.zeros(shape)}, FILE)
    assert caught.value.help
