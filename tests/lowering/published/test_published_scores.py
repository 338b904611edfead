"""Published networks with random weights, and ours with the same: the scores are the same.

Those of pytorchvideo need its modules, which the optional dependencies `reference` install; without them they are
skipped. Those of others are written again in `support`.
"""

from __future__ import annotations

import importlib.util
import types
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import tsdsl
from support.published_modules import ResNet, VideoResNet, awake, images, mmaction2_name, own_name, pyslowfast_name
from tsdsl.check.check import check
from tsdsl.data.video import augment
from tsdsl.lowering import Model
from tsdsl.lowering.published.checkpoint import read_checkpoint
from tsdsl.lowering.published.colours import IMAGENET, MEAN, OURS, STANDARD_DEVIATION, for_our_colours
from tsdsl.lowering.published.families import Shipped
from tsdsl.lowering.published.fit import fitted, network_of
from tsdsl.lowering.published.recognise import recognise
from tsdsl.lowering.published.translate import IDENTITY
from tsdsl.network.layout import Blueprint, Network
from tsdsl.source import SourceFile
from tsdsl.source_files import read_source
from tsdsl.space.parts import Scale

TOLERANCE = 1e-4
SIZE_PX = 64

needs_reference = pytest.mark.skipif(
    importlib.util.find_spec("pytorchvideo") is None,
    reason='pytorchvideo is not installed: pip install -e ".[reference]"',
)


def ours(network: Network, published: nn.Module, path: Path) -> Model:
    """Our model with the weights of a published one, by way of a file."""
    torch.save({"model_state": published.state_dict()}, path)
    return imported(read_checkpoint(path).tensors, network, path)


def imported(tensors: Mapping[str, Tensor], network: Network, path: Path) -> Model:
    """Our model with published tensors, for colours as they are published."""
    found = recognise(tensors, path)
    found = replace(found, family=replace(found.family, colours=OURS))
    model = Model(network, seed=0).eval()
    model.load_state_dict(fitted(found, network, model.state_dict(), path))
    return model


def clip(network: Network) -> Tensor:
    return torch.randn(1, 3, network.frames, SIZE_PX, SIZE_PX, generator=torch.Generator().manual_seed(1))


def assert_same(found: Tensor, expected: Tensor) -> None:
    assert expected.std() > 1e-3
    assert (found - expected).abs().max() <= TOLERANCE * expected.abs().max()


@needs_reference
@pytest.mark.parametrize(("name", "frames", "depth"), [("S", 13, 2.2), ("L", 16, 5.0)])
def test_x3d_with_published_weights_gives_the_published_scores(
    reference: types.SimpleNamespace, tmp_path: Path, name: str, frames: int, depth: float
) -> None:
    torch.manual_seed(0)
    published = awake(
        reference.x3d(input_clip_length=frames, input_crop_size=SIZE_PX, depth_factor=depth, head_activation=None)
    )
    network = network_of(Shipped("x3d", "x3d", name))
    model = ours(network, published, tmp_path / "x3d.pyth")
    x = clip(network)
    with torch.no_grad():
        assert_same(model(x), published(x))


@needs_reference
@pytest.mark.parametrize(("space", "depth", "slow", "kernel"), [("slowfast", 50, 4, 5), ("slowfast_8x8", 50, 8, 7)])
def test_slowfast_with_published_weights_gives_the_published_scores(
    reference: types.SimpleNamespace, tmp_path: Path, space: str, depth: int, slow: int, kernel: int
) -> None:
    torch.manual_seed(0)
    published = awake(
        reference.slowfast(
            slowfast_channel_reduction_ratio=(8,),
            model_depth=depth,
            slowfast_fusion_conv_kernel_size=(kernel, 1, 1),
            slowfast_fusion_conv_stride=(32 // slow, 1, 1),
            head_pool_kernel_sizes=((slow, 2, 2), (32, 2, 2)),
        )
    )
    network = network_of(Shipped("slowfast", space))
    model = ours(network, published, tmp_path / "slowfast.pyth")
    x = clip(network)
    with torch.no_grad():
        assert_same(model(x), published([x[:, :, :: 32 // slow], x]))


SLOW = ((1,) * 3, (1,) * 4, (3,) * 6, (3,) * 3)
I3D = ((3,) * 3, (3, 1) * 2, (3, 1) * 3, (1, 3, 1))
PLAIN = ((1,) * 3, (1,) * 4, (1,) * 6, (1,) * 3)
NARROW = Scale(name="narrow", size=SIZE_PX, frames=8, width=0.125)


def narrow(file: str, space: str) -> Network:
    return Blueprint(tsdsl.load(f"std:{file}", space), classes=5, scale=NARROW).network({})


@pytest.mark.parametrize(
    ("module", "rename", "file", "space"),
    [
        (ResNet(1, SLOW), mmaction2_name, "single_stream", "slow"),
        (ResNet(5, I3D, frame_stride=2, pool2=2), mmaction2_name, "single_stream", "i3d_strided"),
        (ResNet(1, SLOW), pyslowfast_name, "single_stream", "slow"),
        (ResNet(1, PLAIN, pool2=2), pyslowfast_name, "single_stream", "c2d"),
        (ResNet(5, I3D, pool2=2), pyslowfast_name, "single_stream", "i3d"),
        (VideoResNet((3, 3, 3, 3)), str, "r3d", "r3d"),
        (VideoResNet((3, 1, 1, 1)), str, "r3d", "mc3"),
    ],
)
def test_a_network_of_one_stream_gives_the_published_scores(
    module: nn.Module, rename: Callable[[str], str], file: str, space: str
) -> None:
    network = narrow(file, space)
    published = awake(module)
    tensors = {rename(name): tensor for name, tensor in published.state_dict().items()}
    model = imported(tensors, network, Path("weights.pth"))
    x = clip(network)
    with torch.no_grad():
        assert_same(model(x), published(x))


@pytest.mark.parametrize(
    "rename", [str, mmaction2_name, lambda name: f"module.base_model.{name}".replace("base_model.fc", "new_fc")]
)
def test_a_network_of_images_scores_the_average_of_frames(rename: Callable[[str], str]) -> None:
    network = narrow("single_stream", "tsn")
    published = awake(ResNet(1, PLAIN))
    tensors = {rename(name): tensor for name, tensor in images(published.state_dict()).items()}
    model = imported(tensors, network, Path("weights.pth"))
    x = clip(network)
    with torch.no_grad():
        frames = [published(x[:, :, [t]]) for t in range(x.shape[2])]
        assert_same(model(x), torch.stack(frames).mean(0))


def test_x3d_of_pyslowfast_with_bn_behind_every_shortcut_gives_its_scores() -> None:
    text = read_source("std:x3d").text.replace("bare_projection", "projection")
    (resolved,) = check(SourceFile("x3d.tsspace", text)).spaces
    published = awake(Model(Blueprint(resolved.space, scale=NARROW).network({}), seed=0))
    state = published.state_dict()
    network = Blueprint(tsdsl.load("std:x3d"), scale=NARROW).network({})
    model = imported({own_name(name, "x3d"): tensor for name, tensor in state.items()}, network, Path("x3d.pyth"))
    assert len(model.state_dict()) < len(state)
    x = clip(network)
    with torch.no_grad():
        assert_same(model(x), published(x))


def test_a_first_convolution_sees_our_colours_as_those_it_was_trained_with() -> None:
    generator = torch.Generator().manual_seed(0)
    weight, mean = torch.randn(4, 3, 3, 5, 5, generator=generator), torch.randn(4, generator=generator)
    clip = torch.rand(1, 3, 4, 9, 9, generator=generator)
    theirs = (clip - torch.tensor(IMAGENET.mean)[:, None, None, None]) / torch.tensor(IMAGENET.standard_deviation)[
        :, None, None, None
    ]
    changed, changed_mean = for_our_colours(weight, mean, IMAGENET)
    found = F.conv3d((clip - MEAN) / STANDARD_DEVIATION, changed) - changed_mean[:, None, None, None]
    torch.testing.assert_close(found, F.conv3d(theirs, weight) - mean[:, None, None, None], atol=1e-4, rtol=1e-4)
    assert (MEAN, STANDARD_DEVIATION) == (augment.MEAN, augment.STANDARD_DEVIATION)


def test_a_bn_that_x3d_does_not_publish_changes_nothing() -> None:
    norm = nn.BatchNorm3d(4).eval()
    for name, value in IDENTITY.items():
        norm.state_dict()[name].fill_(value)
    x = torch.randn(2, 4, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(norm(x), x, atol=1e-6, rtol=1e-6)
