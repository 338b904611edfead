"""For every operator and head of the language, multiply-adds are half of the operations that torch counts."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tsdsl.analysis.questions.sampling import sample_architectures
from tsdsl.check.check import check
from tsdsl.lowering import Model
from tsdsl.network.layout import Blueprint
from tsdsl.operators.head import HEADS
from tsdsl.operators.registry import ATTENTIONS, BLOCKS, FUSIONS
from tsdsl.source import SourceFile

# One use of each operator, with a choice where it has one.
USES = {
    "conv3d": "conv3d(kernel = {1x3x3, 3x3x3}, channels = {8, 12}, stride = 2)",
    "conv2plus1d": "conv2plus1d(t = {1, 3}, k = 3, channels = {8, 12}, frame_stride = 1)",
    "x3d_stem": "x3d_stem(t = {3, 5}, k = 3, channels = {8, 12}, stride = 2)",
    "mbconv3d": "mbconv3d(t = {1, 3}, k = {3, 5, 7}, expansion = 2, channels = {8, 12}, se = all)",
    "bottleneck3d": "bottleneck3d(t = {1, 3}, channels = {8, 16}, temporal = joint, stride = 2)",
    "basic3d": "basic3d(t = {1, 3}, channels = {8, 12}, temporal = factorised)",
    "max_pool3d": "max_pool3d(kernel = 3x3x3, stride = 2)",
    "time_strided_conv": "time_strided_conv(kernel = {3x1x1, 5x3x3}, ratio = {1, 2})",
    "time_strided_sample": "time_strided_sample",
    "time_to_channel": "time_to_channel",
    "glore": "glore(nodes = {4, 8}, normalize = {no, yes})",
    "nonlocal": "nonlocal(ratio = {0.25, 0.5}, pool = {1, 2})",
    "se": "se",
    "projected": "features = 16",
    "pooled": "kind = pooled",
}


def text_using(name: str) -> str:
    block = USES[name] if name in BLOCKS else "conv3d(kernel = 1x1x1, channels = 8)"
    fusion = f"fusion fast -> slow {{ after = stage[0].group[1]  op = {USES[name]}  merge = concat }}"
    attention = f"attention slow, fast {{ after = stage[0].group[1]  op = {{none, {USES[name]}}} }}"
    return f"""tsspace 1
space s {{
  classes = 5
  size    = 12
  stream slow {{ frames = 2  stage 0 {{
    group conv3d(kernel = 1x3x3, channels = {{8, 12}})
    group {block}
  }} }}
  stream fast {{ frames = 8  stage 0 {{
    group conv3d(kernel = 3x1x1, channels = 4)
    group {block}
  }} }}
  {fusion if name in FUSIONS else ""}
  {attention if name in ATTENTIONS else ""}
  head {{ {USES[name] if name in HEADS else ""} }}
}}
"""


@pytest.mark.parametrize("name", USES)
def test_multiply_adds_are_half_of_what_torch_counts(name: str) -> None:
    checked = check(SourceFile("x", text_using(name)))
    assert [d for d in checked.diagnostics if d.severity == "error"] == []
    space = checked.spaces[0].space
    for architecture in sample_architectures(space, 4):
        network = Blueprint(space).network(architecture.decisions)
        clip_BCTHW = torch.randn(1, 3, 8, 12, 12, generator=torch.Generator().manual_seed(0))
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            Model(network, seed=0).eval()(clip_BCTHW)
        assert counter.get_total_flops() == 2 * (architecture.flops or 0)


def test_every_operator_and_head_is_used() -> None:
    assert set(USES) == {*BLOCKS, *FUSIONS, *ATTENTIONS, *HEADS}


def test_a_training_step_of_attention_counts_its_gradients() -> None:
    x_BHLD = torch.ones(1, 1, 6, 4, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        torch.nn.functional.scaled_dot_product_attention(x_BHLD, x_BHLD, x_BHLD).sum().backward()
    forward, products_of_gradients = 2 * 2 * 6 * 6 * 4, 5
    assert counter.get_total_flops() == forward + products_of_gradients * 2 * 6 * 6 * 4
