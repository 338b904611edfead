"""Every layer type against a slow reference written from its definition, and its gradients."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor

from tsdsl.lowering.ops.norm import EPSILON, batch_statistics
from tsdsl.lowering.run import Context, run_layers
from tsdsl.network.parameters import shape
from tsdsl.operators.layers import (
    Activation,
    BatchNorm,
    Conditional,
    Convolution,
    Dropout,
    GlobalAveragePool,
    GlobalReasoning,
    Layer,
    Linear,
    MaxPool,
    NonLocal,
    Residual,
    SqueezeExcite,
    TakeFrames,
    TimeToChannel,
    Width,
)


def values(layer: Layer, seed: int = 0) -> dict[str, Tensor]:
    """Random double parameters of a layer, by name."""
    generator = torch.Generator().manual_seed(seed)
    return {
        p.name: torch.randn(shape(p), generator=generator, dtype=torch.float64).requires_grad_()
        for p in layer.parameters()
    }


def apply(layer: Layer, x: Tensor, parameters: Mapping[str, Tensor], training: bool = True) -> Tensor:
    prefix = f"n.b.{layer.name}" if hasattr(layer, "name") else "n.b"
    named = {f"{prefix}.{name}": tensor for name, tensor in parameters.items()}
    return run_layers((layer,), "n.b", [x], Context(named, batch_statistics, training))


def random_clip(*sizes: int) -> Tensor:
    return torch.randn(sizes, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def slow_convolution(x, weight, bias, stride, depthwise):
    batch, _, frames, height, width = x.shape
    out = [math.ceil(size / s) for size, s in zip((frames, height, width), stride, strict=True)]
    y = np.zeros((batch, weight.shape[0], *out))
    kernel = weight.shape[2:]
    for b, o, t, h, w in np.ndindex(*y.shape):
        total = 0.0 if bias is None else bias[o]
        for i, d, r, s in np.ndindex(*weight.shape[1:]):
            place = (
                t * stride[0] + d - kernel[0] // 2,
                h * stride[1] + r - kernel[1] // 2,
                w * stride[2] + s - kernel[2] // 2,
            )
            if all(0 <= p < size for p, size in zip(place, (frames, height, width), strict=True)):
                total += weight[o, i, d, r, s] * x[(b, o if depthwise else i, *place)]
        y[b, o, t, h, w] = total
    return y


@pytest.mark.parametrize("kernel", [(1, 1, 1), (3, 3, 3), (5, 1, 1), (1, 3, 5)])
@pytest.mark.parametrize("stride", [(1, 1, 1), (1, 2, 2), (2, 1, 1)])
@pytest.mark.parametrize("depthwise", [False, True])
def test_convolution_is_the_sum_over_its_window(kernel, stride, depthwise):
    channels = 3
    layer = Convolution(
        "conv",
        Width.of(channels),
        Width.of(channels if depthwise else 2),
        kernel,
        stride,
        depthwise,
        bias=not depthwise,
    )
    x, parameters = random_clip(2, channels, 4, 5, 3), values(layer)
    bias = parameters["bias"].detach().numpy() if layer.bias else None
    expected = slow_convolution(x.numpy(), parameters["weight"].detach().numpy(), bias, stride, depthwise)
    np.testing.assert_allclose(apply(layer, x, parameters).detach().numpy(), expected, atol=1e-12)


def test_batch_norm_normalises_each_channel_over_clips_and_positions():
    layer = BatchNorm("norm", Width.of(3))
    x, parameters = random_clip(2, 3, 2, 3, 3), values(layer)
    y = apply(layer, x, parameters).detach().numpy()
    for channel in range(3):
        part = x.numpy()[:, channel]
        scale, shift = parameters["weight"][channel].item(), parameters["bias"][channel].item()
        expected = (part - part.mean()) / math.sqrt(part.var() + EPSILON) * scale + shift
        np.testing.assert_allclose(y[:, channel], expected, atol=1e-12)


@pytest.mark.parametrize(
    ("kind", "function"),
    [
        ("relu", lambda x: max(x, 0.0)),
        ("swish", lambda x: x / (1 + math.exp(-x))),
        ("hswish", lambda x: x * min(max(x + 3, 0), 6) / 6),
        ("none", lambda x: x),
    ],
)
def test_activation_is_applied_to_each_element(kind, function):
    x = random_clip(1, 2, 2, 2, 2)
    expected = np.vectorize(function)(x.numpy())
    np.testing.assert_allclose(apply(Activation(kind), x, {}).numpy(), expected, atol=1e-12)


def test_squeeze_excite_scales_each_channel_by_its_gate():
    layer = SqueezeExcite("se", Width.of(4), 3)
    x, parameters = random_clip(2, 4, 2, 3, 3), values(layer)
    p = {name: tensor.detach().numpy() for name, tensor in parameters.items()}
    y = apply(layer, x, parameters).detach().numpy()
    for b in range(2):
        mean = x.numpy()[b].mean((1, 2, 3))
        hidden = np.maximum(p["reduce.weight"] @ mean + p["reduce.bias"], 0)
        gate = 1 / (1 + np.exp(-(p["expand.weight"] @ hidden + p["expand.bias"])))
        np.testing.assert_allclose(y[b], x.numpy()[b] * gate[:, None, None, None], atol=1e-12)


@pytest.mark.parametrize("normalized", [False, True])
def test_global_reasoning_follows_its_equations(normalized):
    layer = GlobalReasoning("glore", Width.of(4), 3, 5, normalized)
    x, parameters = random_clip(2, 4, 2, 3, 2), values(layer)
    p = {name: tensor.detach().numpy() for name, tensor in parameters.items()}
    y = apply(layer, x, parameters).detach().numpy()
    for b in range(2):
        flat = x.numpy()[b].reshape(4, -1)
        state = p["state.weight"] @ flat + p["state.bias"][:, None]
        projection = p["projection.weight"] @ flat + p["projection.bias"][:, None]
        graph = state @ projection.T / (flat.shape[1] if normalized else 1)
        graph = np.maximum(graph + graph @ p["node.weight"].T + p["node.bias"], 0)
        expected = p["extend.weight"] @ (p["relation.weight"] @ graph) @ projection
        np.testing.assert_allclose(y[b].reshape(4, -1), expected, atol=1e-10)


@pytest.mark.parametrize("pool", [1, 2])
def test_non_local_attends_from_every_position_to_the_pooled_ones(pool):
    layer = NonLocal("nonlocal", Width.of(4), 2, pool)
    x, parameters = random_clip(2, 4, 2, 4, 5), values(layer)
    p = {name: tensor.detach().numpy() for name, tensor in parameters.items()}
    y = apply(layer, x, parameters).detach().numpy()
    for b in range(2):
        clip = x.numpy()[b]
        rows, columns = 4 // pool, 5 // pool
        keys = np.zeros((4, 2, rows, columns))
        for c, t, h, w in np.ndindex(*keys.shape):
            keys[c, t, h, w] = clip[c, t, h * pool : (h + 1) * pool, w * pool : (w + 1) * pool].max()
        flat, keys = clip.reshape(4, -1), keys.reshape(4, -1)
        theta = p["theta.weight"] @ flat + p["theta.bias"][:, None]
        phi = p["phi.weight"] @ keys + p["phi.bias"][:, None]
        g = p["g.weight"] @ keys + p["g.bias"][:, None]
        attention = np.exp(theta.T @ phi / math.sqrt(2))
        attention /= attention.sum(1, keepdims=True)
        expected = p["output.weight"] @ (g @ attention.T) + p["output.bias"][:, None]
        np.testing.assert_allclose(y[b].reshape(4, -1), expected, atol=1e-10)


def test_take_frames_keeps_every_nth_from_the_first():
    x = random_clip(1, 2, 7, 2, 2)
    assert torch.equal(apply(TakeFrames(3), x, {}), x[:, :, [0, 3, 6]])


def test_time_to_channel_puts_frame_j_of_channel_c_at_c_times_factor_plus_j():
    x = random_clip(2, 3, 4, 2, 2)
    y = apply(TimeToChannel(2), x, {})
    assert y.shape == (2, 6, 2, 2, 2)
    for c, j, t in np.ndindex(3, 2, 2):
        assert torch.equal(y[:, c * 2 + j, t], x[:, c, t * 2 + j])


@pytest.mark.parametrize(
    ("kernel", "stride"),
    [
        ((1, 3, 3), (1, 2, 2)),
        ((3, 3, 1), (2, 1, 1)),
        ((1, 1, 5), (1, 3, 2)),
        ((2, 4, 1), (2, 1, 1)),
        ((1, 2, 2), (1, 2, 1)),
    ],
)
def test_max_pool_takes_the_largest_value_of_its_window(kernel, stride):
    x = random_clip(2, 3, 4, 5, 3) - 10  # below 0, so that padding with zeros would show
    y = apply(MaxPool(kernel, stride), x, {}).numpy()
    assert y.shape == (2, 3, *(math.ceil(size / s) for size, s in zip((4, 5, 3), stride, strict=True)))
    for b, c, *place in np.ndindex(*y.shape):
        window = [
            range(max(0, p * s - (k - 1) // 2), min(size, p * s + k // 2 + 1))
            for p, s, k, size in zip(place, stride, kernel, (4, 5, 3), strict=True)
        ]
        assert y[(b, c, *place)] == x.numpy()[b, c][np.ix_(*window)].max()


def test_global_average_pool_is_the_mean_over_positions():
    x = random_clip(2, 3, 2, 3, 4)
    np.testing.assert_allclose(apply(GlobalAveragePool(), x, {}).numpy(), x.numpy().mean((2, 3, 4)))


@pytest.mark.parametrize("bias", [False, True])
def test_linear_is_a_matrix_product_and_a_bias(bias):
    layer = Linear("project", Width.of(3), Width.of(2), bias)
    x, parameters = random_clip(4, 3), values(layer)
    expected = x.numpy() @ parameters["weight"].detach().numpy().T
    if bias:
        expected = expected + parameters["bias"].detach().numpy()
    np.testing.assert_allclose(apply(layer, x, parameters).detach().numpy(), expected, atol=1e-12)


def test_dropout_acts_in_training_only():
    x = torch.ones(64, 64)
    torch.manual_seed(0)
    dropped = apply(Dropout(0.5), x, {}, training=True)
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(apply(Dropout(0.5), x, {}, training=False), x)


def test_residual_adds_the_input_or_the_shortcut():
    x = random_clip(1, 2, 2, 2, 2)
    assert torch.equal(apply(Residual((Activation("relu"),)), x, {}), x.relu() + x)
    both = Residual((Activation("relu"),), (Activation("swish"),))
    torch.testing.assert_close(apply(both, x, {}), x.relu() + x * x.sigmoid())


def test_a_layer_that_still_varies_cannot_be_run():
    with pytest.raises(TypeError, match="expected the layers of one architecture, got a Conditional"):
        apply(Conditional(1, (Activation("relu"),)), random_clip(1, 1, 1, 1, 1), {})


@pytest.mark.parametrize(
    "layer",
    [
        Convolution("conv", Width.of(3), Width.of(2), (3, 3, 3), bias=True),
        Convolution("conv", Width.of(3), Width.of(3), (3, 1, 1), depthwise=True),
        BatchNorm("norm", Width.of(3)),
        SqueezeExcite("se", Width.of(3), 2),
        GlobalReasoning("glore", Width.of(3), 2, 4, True),
        NonLocal("nonlocal", Width.of(3), 2, 2),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_gradients_of_a_layer_agree_with_finite_differences(layer):
    x, parameters = random_clip(2, 3, 2, 2, 2).requires_grad_(), values(layer)

    def function(clip, *tensors):
        return apply(layer, clip, dict(zip(parameters, tensors, strict=True)))

    assert torch.autograd.gradcheck(function, (x, *parameters.values()), atol=1e-6)
