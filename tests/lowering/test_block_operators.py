"""Every block operator in every convention: exact costs, one supernet, gradients, export; and shapes over time."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tsdsl.analysis.questions.sampling import sample_architectures
from tsdsl.check.check import check
from tsdsl.exporting import export_python, verify_export
from tsdsl.lowering import Model, Supernet, extract
from tsdsl.network.layout import Blueprint
from tsdsl.source import SourceFile
from tsdsl.space.model import Space

# Each with choices where the operator has them, at a stride in time and space, twice.
BLOCKS = [
    "x3d_stem(t = {3, 5}, k = {3, 5}, channels = {8, 12}, stride = {1, 2}) * 2",
    "conv2plus1d(t = {1, 3}, k = {3, 5}, channels = {8, 12}, stride = {1, 2}, frame_stride = {1, 2}) * 2",
    "conv2plus1d(t = 3, k = 3, channels = {8, 12}, ratio = {0.5, 1.5}, act = swish) * 2",
    "bottleneck3d(t = {1, 3}, channels = {16, 24}, stride = {1, 2}, frame_stride = {1, 2}) * 2",
    "bottleneck3d(t = {1, 3}, k = {3, 5}, channels = {8, 16}, ratio = 0.5, temporal = joint, frame_stride = 2) * 2",
    "bottleneck3d(t = {1, 3}, channels = {8, 16}, temporal = factorised, stride = {1, 2}, frame_stride = {1, 2}) * 2",
    "basic3d(t = {1, 3}, k = {3, 5}, channels = {8, 12}, stride = {1, 2}, frame_stride = {1, 2}) * 2",
    "basic3d(t = {1, 3}, channels = {8, 12}, temporal = factorised, stride = 2, frame_stride = 2) * 2",
    "max_pool3d(kernel = 3x3x3, stride = 2, frame_stride = 2) * 2",
    "max_pool3d(kernel = 2x1x4, stride = 2, frame_stride = 2) * 2",
    "mbconv3d(t = 3, k = 3, expansion = 2, channels = {8, 12}, stride = {1, 2}, shortcut = bare_projection) * 2",
    "mbconv3d(t = 3, k = 3, expansion = 2, channels = 8, stride = 2, se = all, shortcut = bare_projection) * 2",
    "conv3d(kernel = 3x3x3, channels = {8, 12}, stride = 2, act = {relu, swish, hswish, none}) * 2",
    "conv2plus1d(t = 3, k = 3, channels = 8, stride = 2, frame_stride = 2, act = {hswish, none}) * 2",
    "max_pool3d(kernel = {1x1x1, 3x3x3, 1x3x5}, stride = {1, 2}, frame_stride = {1, 2}) * 2",
    "mbconv3d(t = 3, k = 3, expansion = {2, 3}, channels = {8, 12}, stride = {1, 2}, act = {relu, hswish}, "
    "se = {none, all, alternate}, expand_from = {input, output}, "
    "shortcut = {identity, projection, bare_projection}) * 3",
]


def space_of(block: str) -> Space:
    text = f"""tsspace 1
space s {{
  classes = 5
  size    = 13
  stream one {{
    frames = 5
    stage 0 {{
      group conv3d(kernel = 1x3x3, channels = {{8, 12}}, frame_stride = 1)
      group {block}
      group conv3d(kernel = 3x1x1, channels = 6)
    }}
  }}
  head {{ kind = pooled  dropout = 0 }}
}}
"""
    checked = check(SourceFile("x", text))
    assert checked.diagnostics == ()
    return checked.spaces[0].space


def clips(batch: int = 3) -> torch.Tensor:
    return torch.randn(batch, 3, 5, 13, 13, generator=torch.Generator().manual_seed(0))


def awake(model: torch.nn.Module) -> torch.nn.Module:
    """Scales that begin at 0 given a value, so that every branch is heard."""
    with torch.no_grad():
        for index, (name, parameter) in enumerate(model.named_parameters()):
            if "norm" in name:
                generator = torch.Generator().manual_seed(index)
                parameter.copy_(torch.rand(parameter.shape, generator=generator) + 0.5)
    return model


@pytest.mark.parametrize("block", BLOCKS)
def test_costs_over_all_choices_are_half_of_what_torch_counts(block: str) -> None:
    space = space_of(block)
    for architecture in sample_architectures(space, 4):
        network = Blueprint(space).network(architecture.decisions)
        model, counter = Model(network, seed=0).eval(), FlopCounterMode(display=False)
        with counter, torch.no_grad():
            model(clips(1))
        assert counter.get_total_flops() == 2 * (architecture.flops or 0)
        assert sum(p.numel() for p in model.parameters()) == architecture.params


@pytest.mark.parametrize("block", BLOCKS)
def test_the_supernet_holds_each_architecture(block: str) -> None:
    space = space_of(block)
    supernet = awake(Supernet(Blueprint(space), seed=0)).eval()
    for architecture in sample_architectures(space, 3, seed=1):
        model = extract(supernet, architecture.decisions).train()
        with torch.no_grad():
            torch.testing.assert_close(supernet(clips(), architecture), model(clips()), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("block", BLOCKS)
def test_gradients_reach_every_parameter_and_the_export_gives_the_same_scores(block: str) -> None:
    space = space_of(block)
    architecture = next(sample_architectures(space, 1, seed=2))
    model = awake(Model(Blueprint(space).network(architecture.decisions), seed=0))
    model.train()(clips()).square().sum().backward()
    assert [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []
    assert verify_export(export_python(model.network), model).difference < 1e-4


@pytest.mark.parametrize("block", [b for b in BLOCKS if "frame_stride" in b])
def test_the_first_block_alone_takes_every_second_frame(block: str) -> None:
    space = space_of(block)
    for architecture in sample_architectures(space, 4):
        network = Blueprint(space).network(architecture.decisions)
        stride = architecture.decisions.get("one.stage0.group2.frame_stride", 2)
        assert network.by_name["one.stage0.group2"].shape.frames == {1: 5, 2: 3}[stride]
        assert network.by_name["one.stage0.group3"].shape.frames == {1: 5, 2: 3}[stride]


def test_a_factorised_convolution_has_as_many_parameters_as_the_whole_one() -> None:
    # R(2+1)D section 3.5, rounded down to whole channels: 8 to 16 channels at 3 x 3 x 3.
    space = space_of("conv2plus1d(t = 3, k = 3, channels = 16)")
    architecture = next(sample_architectures(space, 1))
    network = Blueprint(space).network({**architecture.decisions, "one.stage0.group1.channels": 8})
    model = Model(network)
    inner = 3 * 9 * 8 * 16 // (9 * 8 + 3 * 16)
    assert model.get_parameter("one.stage0.group2.block0.conv_spatial.weight").shape == (inner, 8, 1, 3, 3)
    assert model.get_parameter("one.stage0.group2.block0.conv.weight").shape == (16, inner, 3, 1, 1)


def test_a_pooled_head_refuses_what_only_a_projected_one_has() -> None:
    text = """tsspace 1
space s {
  classes = 5
  size    = 8
  stream one { frames = 1  stage 0 { group conv3d(kernel = 1x1x1, channels = 4) } }
  head { kind = pooled  features = 8 }
}
"""
    (found,) = check(SourceFile("x", text)).diagnostics
    assert (found.code, found.message) == ("TS105", "head of kind pooled has no attribute `features`")
