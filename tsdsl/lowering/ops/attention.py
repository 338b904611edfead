"""Attention units: squeeze-excitation, global reasoning (GloRe) and non-local, without BN and residual.

Shapes: B clips, C channels, T frames, H rows, W columns; L = T * H * W positions, N graph nodes, S
states, D inner channels, R hidden channels, P positions of keys. `weights` maps a name to a tensor.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import flop_registry, register_flop_formula, sdpa_backward_flop, sdpa_flop

from tsdsl.lowering.ops.convolution import linear, matmul

Weights = Callable[[str], Tensor]


def squeeze_excite(x_BCTHW: Tensor, weights: Weights) -> Tensor:
    """x times sigmoid(expand(relu(reduce(mean of x over T, H and W))))."""
    mean_BC = x_BCTHW.mean((2, 3, 4))
    hidden_BR = F.relu(F.linear(mean_BC, weights("reduce.weight"), weights("reduce.bias")))
    gate_BC = F.linear(hidden_BR, weights("expand.weight"), weights("expand.bias")).sigmoid()
    return x_BCTHW * gate_BC[:, :, None, None, None]


def global_reasoning(x_BCTHW: Tensor, weights: Weights, normalized: bool) -> Tensor:
    """Positions pooled into graph nodes, related along nodes and states, and projected back."""
    x_BLC = x_BCTHW.flatten(2).transpose(1, 2)
    state_BLS = linear(x_BLC, weights("state.weight"), weights("state.bias"))
    projection_BLN = linear(x_BLC, weights("projection.weight"), weights("projection.bias"))
    graph_BSN = matmul(state_BLS.transpose(1, 2), projection_BLN)
    if normalized:
        graph_BSN = graph_BSN / x_BLC.shape[1]
    graph_BSN = F.relu(graph_BSN + linear(graph_BSN, weights("node.weight"), weights("node.bias")))
    graph_BNS = linear(graph_BSN.transpose(1, 2), weights("relation.weight"))
    spread_BLS = matmul(projection_BLN, graph_BNS)
    y_BLC = linear(spread_BLS, weights("extend.weight"))
    return y_BLC.transpose(1, 2).reshape(x_BCTHW.shape)


def nonlocal_attention(x_BCTHW: Tensor, weights: Weights, pool: int) -> Tensor:
    """softmax(theta(x)^T phi(x) * D^-0.5) g(x), back to C channels; phi and g see x max-pooled in space."""
    x_BLC = x_BCTHW.flatten(2).transpose(1, 2)
    keys_BCTHW = F.max_pool3d(x_BCTHW, (1, pool, pool)) if pool > 1 else x_BCTHW
    keys_BPC = keys_BCTHW.flatten(2).transpose(1, 2)
    theta_BLD = linear(x_BLC, weights("theta.weight"), weights("theta.bias"))
    phi_BPD = linear(keys_BPC, weights("phi.weight"), weights("phi.bias"))
    g_BPD = linear(keys_BPC, weights("g.weight"), weights("g.bias"))
    y_BLD = F.scaled_dot_product_attention(theta_BLD[:, None], phi_BPD[:, None], g_BPD[:, None])[:, 0]
    y_BLC = linear(y_BLD, weights("output.weight"), weights("output.bias"))
    return y_BLC.transpose(1, 2).reshape(x_BCTHW.shape)


# torch has formulas for its fused attention on CUDA only; the operations are the same on the CPU.
for _fused, _formula in (
    (torch.ops.aten._scaled_dot_product_flash_attention_for_cpu, sdpa_flop),
    (torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward, sdpa_backward_flop),
):
    if _fused not in flop_registry:
        register_flop_formula(_fused, get_raw=True)(_formula)
