"""The classes of exported models: plain PyTorch, copied into the file exactly as written here.

Each depends only on torch and on classes before it, and names its parameters as `Model` does.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Kernel = tuple[int, int, int]


class Named(nn.Module):
    """Modules by name, reached as attributes."""

    def __init__(self, /, **modules: nn.Module) -> None:
        super().__init__()
        self._modules.update(modules)


class Blocks(nn.Module):
    """Blocks applied one after the other, named block0, block1, ... unless they have other `names`."""

    def __init__(self, *blocks: nn.Module, names: tuple[str, ...] = ()) -> None:
        super().__init__()
        for index, block in enumerate(blocks):
            self.add_module(names[index] if names else f"block{index}", block)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.children():
            x = block(x)
        return x


class ConvNormAct(nn.Module):
    """3D convolution without bias, batch normalisation, activation."""

    def __init__(
        self,
        channels_in: int,
        channels: int,
        kernel: Kernel,
        stride: Kernel = (1, 1, 1),
        act: type[nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
        self.conv = nn.Conv3d(channels_in, channels, kernel, stride, padding, bias=False)
        self.norm = nn.BatchNorm3d(channels)
        self.act = act()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.norm(self.conv(x)))  # type: ignore[no-any-return]


class X3DStem(nn.Module):
    """Spatial convolution and depthwise temporal convolution, then batch normalisation and ReLU (X3D, CVPR 2020)."""

    def __init__(self, channels_in: int, channels: int, kernel: Kernel, stride: int = 1) -> None:
        super().__init__()
        t, h, w = kernel
        spatial, temporal = (0, h // 2, w // 2), (t // 2, 0, 0)
        self.spatial = nn.Conv3d(channels_in, channels, (1, h, w), (1, stride, stride), spatial, bias=False)
        self.temporal = nn.Conv3d(channels, channels, (t, 1, 1), padding=temporal, groups=channels, bias=False)
        self.norm = nn.BatchNorm3d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.temporal(self.spatial(x))))


def conv3d(channels_in: int, channels: int, kernel: Kernel, stride: Kernel = (1, 1, 1)) -> nn.Conv3d:
    """A convolution without bias, padded so that sizes become ceil(size / stride)."""
    padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    return nn.Conv3d(channels_in, channels, kernel, stride, padding, bias=False)


def max_pool3d(kernel: Kernel, stride: Kernel) -> nn.Module:
    """The largest value in each window, padded so that sizes become ceil(size / stride)."""
    t, h, w = kernel
    if t % 2 and h % 2 and w % 2:
        return nn.MaxPool3d(kernel, stride, (t // 2, h // 2, w // 2))
    sides = ((w - 1) // 2, w // 2, (h - 1) // 2, h // 2, (t - 1) // 2, t // 2)
    return nn.Sequential(nn.ConstantPad3d(sides, float("-inf")), nn.MaxPool3d(kernel, stride))


class Conv2Plus1d(nn.Module):
    """Spatial convolution, then temporal convolution, each with batch normalisation and activation."""

    def __init__(
        self,
        channels_in: int,
        inner: int,
        channels: int,
        kernel: Kernel,
        stride: Kernel = (1, 1, 1),
        act: type[nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__()
        self.conv_spatial = conv3d(channels_in, inner, (1, *kernel[1:]), (1, *stride[1:]))
        self.conv_spatial_norm = nn.BatchNorm3d(inner)
        self.conv = conv3d(inner, channels, (kernel[0], 1, 1), (stride[0], 1, 1))
        self.norm = nn.BatchNorm3d(channels)
        self.act = act()

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.conv_spatial_norm(self.conv_spatial(x)))
        return self.act(self.norm(self.conv(x)))  # type: ignore[no-any-return]


class Bottleneck3d(nn.Module):
    """ResNet bottleneck: 1x1x1 to `inner`, convolution, 1x1x1 to `channels`, shortcut, ReLU.

    The temporal kernel is in the `first` convolution, in the middle one (`joint`), or after it (`factorised`).
    """

    def __init__(
        self,
        channels_in: int,
        inner: int,
        channels: int,
        kernel: Kernel,
        stride: Kernel = (1, 1, 1),
        temporal: str = "first",
    ) -> None:
        super().__init__()
        (t, h, w), (frame_stride, rows, columns) = kernel, stride
        first, self.is_factorised = temporal == "first", temporal == "factorised"
        self.reduce = conv3d(channels_in, inner, (t if first else 1, 1, 1), (frame_stride if first else 1, 1, 1))
        self.reduce_norm = nn.BatchNorm3d(inner)
        if self.is_factorised:
            self.spatial = conv3d(inner, inner, (1, h, w), (1, rows, columns))
            self.spatial_norm = nn.BatchNorm3d(inner)
            self.conv = conv3d(inner, inner, (t, 1, 1), (frame_stride, 1, 1))
        else:
            self.conv = conv3d(inner, inner, (1, h, w) if first else kernel, (1, rows, columns) if first else stride)
        self.conv_norm = nn.BatchNorm3d(inner)
        self.restore = conv3d(inner, channels, (1, 1, 1))
        self.restore_norm = nn.BatchNorm3d(channels)
        self.has_projection = max(stride) > 1 or channels_in != channels
        if self.has_projection:
            self.shortcut = conv3d(channels_in, channels, (1, 1, 1), stride)
            self.shortcut_norm = nn.BatchNorm3d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.reduce_norm(self.reduce(x)))
        if self.is_factorised:
            y = F.relu(self.spatial_norm(self.spatial(y)))
        y = F.relu(self.conv_norm(self.conv(y)))
        y = self.restore_norm(self.restore(y))
        return F.relu(y + (self.shortcut_norm(self.shortcut(x)) if self.has_projection else x))


class Basic3d(nn.Module):
    """ResNet basic block: two convolutions, shortcut, ReLU.

    With `inner`, each convolution is a spatial one to so many channels, then a temporal one.
    """

    def __init__(
        self,
        channels_in: int,
        channels: int,
        kernel: Kernel,
        stride: Kernel = (1, 1, 1),
        inner: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.first_norm = nn.BatchNorm3d(channels)
        self.second_norm = nn.BatchNorm3d(channels)
        self.is_factorised = inner is not None
        if inner is None:
            self.first = conv3d(channels_in, channels, kernel, stride)
            self.second = conv3d(channels, channels, kernel)
        else:
            (t, h, w), (frame_stride, rows, columns) = kernel, stride
            self.first_spatial = conv3d(channels_in, inner[0], (1, h, w), (1, rows, columns))
            self.first_spatial_norm = nn.BatchNorm3d(inner[0])
            self.first = conv3d(inner[0], channels, (t, 1, 1), (frame_stride, 1, 1))
            self.second_spatial = conv3d(channels, inner[1], (1, h, w))
            self.second_spatial_norm = nn.BatchNorm3d(inner[1])
            self.second = conv3d(inner[1], channels, (t, 1, 1))
        self.has_projection = max(stride) > 1 or channels_in != channels
        if self.has_projection:
            self.shortcut = conv3d(channels_in, channels, (1, 1, 1), stride)
            self.shortcut_norm = nn.BatchNorm3d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.first_spatial_norm(self.first_spatial(x))) if self.is_factorised else x
        y = F.relu(self.first_norm(self.first(y)))
        if self.is_factorised:
            y = F.relu(self.second_spatial_norm(self.second_spatial(y)))
        y = self.second_norm(self.second(y))
        return F.relu(y + (self.shortcut_norm(self.shortcut(x)) if self.has_projection else x))


class SqueezeExcite(nn.Module):
    """Channel gates from the global average (Hu et al., CVPR 2018)."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.reduce = nn.Linear(channels, hidden)
        self.expand = nn.Linear(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.sigmoid(self.expand(F.relu(self.reduce(x.mean((2, 3, 4))))))
        return x * gate[:, :, None, None, None]


class MBConv3d(nn.Module):
    """Inverted residual: 1x1x1 to `inner`, depthwise convolution, 1x1x1 to `channels`.

    The shortcut is the identity, and there only where input and output have the same size
    (Sandler et al., CVPR 2018). `stride` is spatial; `se` is applied before the second activation.
    """

    def __init__(
        self,
        channels_in: int,
        inner: int,
        channels: int,
        kernel: Kernel,
        stride: int = 1,
        act: type[nn.Module] = nn.ReLU,
        se: nn.Module | None = None,
    ) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
        strides = (1, stride, stride)
        self.has_shortcut = stride == 1 and channels_in == channels
        self.act = act()
        self.expand = nn.Conv3d(channels_in, inner, 1, bias=False)
        self.expand_norm = nn.BatchNorm3d(inner)
        self.depthwise = nn.Conv3d(inner, inner, kernel, strides, padding, groups=inner, bias=False)
        self.depthwise_norm = nn.BatchNorm3d(inner)
        self.se = nn.Identity() if se is None else se
        self.project = nn.Conv3d(inner, channels, 1, bias=False)
        self.project_norm = nn.BatchNorm3d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.expand_norm(self.expand(x)))
        y = self.act(self.se(self.depthwise_norm(self.depthwise(y))))
        y = self.project_norm(self.project(y))
        return y + x if self.has_shortcut else y  # type: ignore[no-any-return]


class X3DBlock(nn.Module):
    """Inverted residual with a projection where sizes differ, and ReLU after the sum (X3D, CVPR 2020).

    1x1x1 to `inner`, depthwise convolution, 1x1x1 to `channels`. `stride` is spatial; `se` is applied
    before the second activation; a `bare` projection has no batch normalisation.
    """

    def __init__(
        self,
        channels_in: int,
        inner: int,
        channels: int,
        kernel: Kernel,
        stride: int = 1,
        act: type[nn.Module] = nn.ReLU,
        se: nn.Module | None = None,
        bare: bool = False,
    ) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
        strides = (1, stride, stride)
        self.has_projection = stride > 1 or channels_in != channels
        self.act = act()
        self.expand = nn.Conv3d(channels_in, inner, 1, bias=False)
        self.expand_norm = nn.BatchNorm3d(inner)
        self.depthwise = nn.Conv3d(inner, inner, kernel, strides, padding, groups=inner, bias=False)
        self.depthwise_norm = nn.BatchNorm3d(inner)
        self.se = nn.Identity() if se is None else se
        self.project = nn.Conv3d(inner, channels, 1, bias=False)
        self.project_norm = nn.BatchNorm3d(channels)
        if self.has_projection:
            self.shortcut = nn.Conv3d(channels_in, channels, 1, strides, bias=False)
            self.shortcut_norm = nn.Identity() if bare else nn.BatchNorm3d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.expand_norm(self.expand(x)))
        y = self.act(self.se(self.depthwise_norm(self.depthwise(y))))
        y = self.project_norm(self.project(y))
        return F.relu(y + (self.shortcut_norm(self.shortcut(x)) if self.has_projection else x))


class GlobalReasoning(nn.Module):
    """Positions pooled into `nodes` graph nodes of `states` features, related, and spread back."""

    def __init__(self, channels: int, nodes: int, states: int, normalized: bool) -> None:
        super().__init__()
        self.normalized = normalized
        self.state = nn.Linear(channels, states)
        self.projection = nn.Linear(channels, nodes)
        self.node = nn.Linear(nodes, nodes)
        self.relation = nn.Linear(states, states, bias=False)
        self.extend = nn.Linear(states, channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        positions = x.flatten(2).transpose(1, 2)
        projection = self.projection(positions)
        graph = self.state(positions).transpose(1, 2) @ projection
        if self.normalized:
            graph = graph / positions.shape[1]
        graph = F.relu(graph + self.node(graph))
        y = self.extend(projection @ self.relation(graph.transpose(1, 2)))
        return y.transpose(1, 2).reshape(x.shape)  # type: ignore[no-any-return]


class GloRe(nn.Module):
    """Global reasoning with batch normalisation and residual (Chen et al., CVPR 2019)."""

    def __init__(self, channels: int, nodes: int, states: int, normalized: bool = False) -> None:
        super().__init__()
        self.glore = GlobalReasoning(channels, nodes, states, normalized)
        self.norm = nn.BatchNorm3d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.norm(self.glore(x))  # type: ignore[no-any-return]


class NonLocalUnit(nn.Module):
    """Softmax attention of every position to all; keys and values are max-pooled 1 x pool x pool."""

    def __init__(self, channels: int, inner: int, pool: int) -> None:
        super().__init__()
        self.pool = (1, pool, pool)
        self.theta = nn.Linear(channels, inner)
        self.phi = nn.Linear(channels, inner)
        self.g = nn.Linear(channels, inner)
        self.output = nn.Linear(inner, channels)

    def forward(self, x: Tensor) -> Tensor:
        queries = self.theta(x.flatten(2).transpose(1, 2))
        pooled = F.max_pool3d(x, self.pool).flatten(2).transpose(1, 2)
        keys, values = self.phi(pooled), self.g(pooled)
        y = F.scaled_dot_product_attention(queries[:, None], keys[:, None], values[:, None])[:, 0]
        return self.output(y).transpose(1, 2).reshape(x.shape)  # type: ignore[no-any-return]


class NonLocal(nn.Module):
    """Non-local attention with batch normalisation and residual (Wang et al., CVPR 2018)."""

    def __init__(self, channels: int, inner: int, pool: int = 1) -> None:
        super().__init__()
        self.add_module("nonlocal", NonLocalUnit(channels, inner, pool))
        self.norm = nn.BatchNorm3d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.norm(self.get_submodule("nonlocal")(x))  # type: ignore[no-any-return]


def time_to_channel(x: Tensor, factor: int) -> Tensor:
    """`factor` consecutive frames folded into the channels."""
    batch, channels, frames, height, width = x.shape
    x = x.reshape(batch, channels, frames // factor, factor, height, width).transpose(2, 3)
    return x.reshape(batch, channels * factor, frames // factor, height, width)


class Classifier(nn.Module):
    """From pooled features to class scores."""

    def __init__(self, channels: int, features: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.project = nn.Linear(channels, features, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(features, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.dropout(F.relu(self.project(x))))  # type: ignore[no-any-return]


class PooledClassifier(nn.Module):
    """From the averages of all streams to class scores."""

    def __init__(self, channels: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.dropout(x))  # type: ignore[no-any-return]
