"""pytorchvideo's own modules with random weights, and ours with the same: the scores are the same.

They need pytorchvideo, which the optional dependencies `reference` install; without it they are skipped.
"""

from __future__ import annotations

import importlib.util
import types
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tsdsl
from tsdsl.errors import FileError
from tsdsl.lowering import Model
from tsdsl.lowering.published_file import read_published
from tsdsl.lowering.published_names import num_classes
from tsdsl.lowering.published_weights import translated
from tsdsl.network.layout import UNSCALED, Blueprint, Network

TOLERANCE = 1e-4
SIZE_PX = 64

needs_reference = pytest.mark.skipif(
    importlib.util.find_spec("pytorchvideo") is None,
    reason='pytorchvideo is not installed: pip install -e ".[reference]"',
)


def awake(model: nn.Module) -> nn.Module:
    """The model in evaluation mode with BN layers that all do something."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm3d):
                for tensor in (module.weight, module.running_var):
                    tensor.copy_(torch.rand(tensor.shape, generator=generator) * 0.5 + 0.75)
                for tensor in (module.bias, module.running_mean):
                    tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.1)
    return model.eval()


def network_of(file: str, space: str | None = None, model: str | None = None) -> Network:
    found = tsdsl.load(f"std:{file}", space)
    return Blueprint(found, scale=next((m for m in found.models if m.name == model), UNSCALED)).network({})


def ours(network: Network, published: nn.Module, path: Path) -> Model:
    """Our model with the weights of a published one, by way of a file."""
    torch.save({"model_state": published.state_dict()}, path)
    model = Model(network, seed=0).eval()
    model.load_state_dict(translated(read_published(path), network, model.state_dict(), path))
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
    network = network_of("x3d", model=name)
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
    network = network_of("slowfast", space)
    model = ours(network, published, tmp_path / "slowfast.pyth")
    x = clip(network)
    with torch.no_grad():
        assert_same(model(x), published([x[:, :, :: 32 // slow], x]))


@needs_reference
def test_weights_of_another_network_are_refused_by_name(reference: types.SimpleNamespace, tmp_path: Path) -> None:
    published = reference.x3d(input_clip_length=13, input_crop_size=SIZE_PX, depth_factor=2.2)
    with pytest.raises(FileError, match=r"x3d.pyth: blocks.1.res_blocks.\d.* does not belong to x3d|is .* x .*, and"):
        ours(network_of("x3d"), published, tmp_path / "x3d.pyth")
    with pytest.raises(FileError, match=r"rgb.stage1.group1.block3.* of x3d is missing"):
        ours(network_of("x3d", model="L"), published, tmp_path / "x3d.pyth")
    assert num_classes(published.state_dict()) == 400


def test_a_bn_that_x3d_does_not_publish_changes_nothing(tmp_path: Path) -> None:
    from tsdsl.lowering.published_weights import NORM_VALUES

    norm = nn.BatchNorm3d(4).eval()
    for name, value in NORM_VALUES.items():
        norm.state_dict()[name].fill_(value)
    x = torch.randn(2, 4, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(norm(x), x, atol=1e-6, rtol=1e-6)


class Code:
    """Something that a checkpoint should not hold."""

    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("run",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no checkpoint", "is not a PyTorch checkpoint, or is incomplete"),
        (b"\n<!DOCTYPE html><html>confirm</html>", "is a web page, not a checkpoint"),
        ({"model_state": {"a": Code()}}, "tensors only: it holds builtins.print, which would run code"),
        ({"epoch": 3}, "holds no state dict"),
        ({"fc.weight": torch.zeros(1)}, "expected names of a known network, got fc.weight$"),
        ({"module.backbone.conv1.weight": torch.zeros(1)}, "got backbone.conv1.weight, as in mmaction2"),
        ({"base_model.fc.weight": torch.zeros(1)}, "got base_model.fc.weight, as in TSN or TSM"),
        ({"layer1.0.conv1.0.weight": torch.zeros(1)}, "got layer1.0.conv1.0.weight, as in torchvision"),
        ({"s1.pathway0_stem.conv.weight": torch.zeros(1)}, "as in another network of PySlowFast"),
    ],
)
def test_a_file_that_is_no_published_network_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: object, message: str
) -> None:
    path = tmp_path / "weights.pyth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    network = network_of("x3d")
    with pytest.raises(FileError, match=message) as caught:
        translated(read_published(path), network, {}, path)
    assert "weights_only" not in f"{caught.value.message} {caught.value.help}"
    assert capsys.readouterr().out == ""


OWN_NAMES = {
    "x3d": {
        "stage0.group1.block0.spatial": "s1.pathway0_stem.conv_xy",
        "stage0.group1.block0.temporal": "s1.pathway0_stem.conv",
        "stage0.group1.block0.norm": "s1.pathway0_stem.bn",
        "expand": "branch2.a",
        "expand_norm": "branch2.a_bn",
        "depthwise": "branch2.b",
        "depthwise_norm": "branch2.b_bn",
        "se.reduce": "branch2.se.fc1",
        "se.expand": "branch2.se.fc2",
        "project": "branch2.c",
        "project_norm": "branch2.c_bn",
        "head.rgb.pool.conv": "head.conv_5",
        "head.rgb.pool.norm": "head.conv_5_bn",
        "head.classifier.project": "head.lin_5",
    },
    "slowfast": {
        "stage0.group1.block0.conv": "s1.pathway{pathway}_stem.conv",
        "stage0.group1.block0.norm": "s1.pathway{pathway}_stem.bn",
        "reduce": "branch2.a",
        "reduce_norm": "branch2.a_bn",
        "conv": "branch2.b",
        "conv_norm": "branch2.b_bn",
        "restore": "branch2.c",
        "restore_norm": "branch2.c_bn",
    },
}
SHARED_NAMES = {
    "shortcut": "branch1",
    "shortcut_norm": "branch1_bn",
    "head.classifier.classifier": "head.projection",
}


def own_name(name: str, file: str) -> str:
    """PySlowFast's name of one of our parameters; all blocks of a stage are in its group 1."""
    names = OWN_NAMES[file] | SHARED_NAMES
    whole, _, kind = name.rpartition(".")
    if whole in names:
        return f"{names[whole]}.{kind}"
    stream, _, place = whole.partition(".")
    pathway = int(stream == "fast")
    if place in names:
        return f"{names[place].format(pathway=pathway)}.{kind}"
    if stream == "fusion":
        stage, layer = int(place[5]), place.rpartition(".")[2]
        return f"s{stage + 1}_fuse.{'conv_f2s' if layer == 'conv' else 'bn'}.{kind}"
    stage, _, block, layer = place.split(".", 3)
    return f"s{int(stage[5:]) + 1}.pathway{pathway}_res{block[5:]}.{names[layer]}.{kind}"


@pytest.mark.parametrize(("file", "model"), [("x3d", "S"), ("slowfast", None)])
def test_the_names_of_pyslowfast_are_translated_with_and_without_prefixes(
    tmp_path: Path, file: str, model: str | None
) -> None:
    network = network_of(file, file, model)
    state = Model(network, seed=0).state_dict()
    state = {name: torch.full_like(tensor, number % 251) for number, (name, tensor) in enumerate(state.items())}
    published = {own_name(name, file): tensor for name, tensor in state.items()}
    assert len(published) == len(state)
    path = tmp_path / "own.pyth"
    for prefix in ("", "module.", "model.module."):
        prefixed = {f"{prefix}{name}": tensor for name, tensor in published.items()}
        torch.save({"epoch": 3, "state_dict": prefixed, "hyper_parameters": Namespace(lr=0.1)}, path)
        found = translated(read_published(path), network, state, path)
        assert found.keys() == state.keys()
        assert all(torch.equal(found[name], state[name]) for name in state)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none\.pyth: cannot be read"):
        read_published(tmp_path / "none.pyth")
