"""ResNets of video as other projects build them, with their names; written from their descriptions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Triple = tuple[int, int, int]


def conv(channels_in: int, channels: int, kernel: Triple, stride: Triple = (1, 1, 1)) -> nn.Conv3d:
    """A convolution without bias that keeps sizes, but for its stride."""
    t, h, w = kernel
    return nn.Conv3d(channels_in, channels, kernel, stride, (t // 2, h // 2, w // 2), bias=False)


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


class Bottleneck(nn.Module):
    """torchvision's bottleneck with a temporal kernel in the first convolution."""

    def __init__(self, channels_in: int, inner: int, t: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv(channels_in, inner, (t, 1, 1)), nn.BatchNorm3d(inner)
        self.conv2, self.bn2 = conv(inner, inner, (1, 3, 3), (1, stride, stride)), nn.BatchNorm3d(inner)
        self.conv3, self.bn3 = conv(inner, 4 * inner, (1, 1, 1)), nn.BatchNorm3d(4 * inner)
        if stride != 1 or channels_in != 4 * inner:
            shortcut = conv(channels_in, 4 * inner, (1, 1, 1), (1, stride, stride))
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm3d(4 * inner))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(F.relu(self.bn2(self.conv2(y)))))
        return F.relu(y + (self.downsample(x) if hasattr(self, "downsample") else x))


class ResNet(nn.Module):
    """A ResNet with torchvision's names: `times` are the temporal kernels of the blocks of each stage."""

    def __init__(
        self, stem_t: int, times: Sequence[Sequence[int]], frame_stride: int = 1, pool2: int = 1, width: int = 8
    ) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv(3, width, (stem_t, 7, 7), (frame_stride, 2, 2)), nn.BatchNorm3d(width)
        self.frame_stride, self.pool2 = frame_stride, pool2
        channels = width
        for stage, kernels in enumerate(times):
            blocks = []
            for index, t in enumerate(kernels):
                inner = width * 2**stage
                blocks.append(Bottleneck(channels, inner, t, 2 if stage and not index else 1))
                channels = 4 * inner
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(channels, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.max_pool3d(x, (1, 3, 3), (self.frame_stride, 2, 2), (0, 1, 1))
        x = F.max_pool3d(self.layer1(x), (self.pool2, 1, 1))
        return self.fc(self.layer4(self.layer3(self.layer2(x))).mean((2, 3, 4)))


class BasicBlock(nn.Module):
    """A block of torchvision's video ResNets."""

    def __init__(self, channels_in: int, channels: int, t: int, stride: int) -> None:
        super().__init__()
        strides = (stride if t > 1 else 1, stride, stride)
        first = conv(channels_in, channels, (t, 3, 3), strides)
        self.conv1 = nn.Sequential(first, nn.BatchNorm3d(channels), nn.ReLU())
        self.conv2 = nn.Sequential(conv(channels, channels, (t, 3, 3)), nn.BatchNorm3d(channels))
        if stride != 1:
            shortcut = conv(channels_in, channels, (1, 1, 1), strides)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm3d(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv2(self.conv1(x)) + (self.downsample(x) if hasattr(self, "downsample") else x))


class VideoResNet(nn.Module):
    """torchvision's r3d_18 or, with 1 after the first, mc3_18: temporal kernels by stage; an eighth as wide."""

    def __init__(self, times: Sequence[int]) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(3, 8, (3, 7, 7), (1, 2, 2)), nn.BatchNorm3d(8), nn.ReLU())
        channels = 8
        for stage, t in enumerate(times):
            width = 8 * 2**stage
            blocks = BasicBlock(channels, width, t, 2 if stage else 1), BasicBlock(width, width, t, 1)
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
            channels = width
        self.fc = nn.Linear(channels, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer2(self.layer1(self.stem(x)))
        return self.fc(self.layer4(self.layer3(x)).mean((2, 3, 4)))


def mmaction2_name(name: str) -> str:
    """mmaction2's name of a tensor of `ResNet`."""
    if name.startswith("fc."):
        return f"cls_head.fc_cls.{name.removeprefix('fc.')}"
    name = re.sub(r"downsample\.0", "downsample.conv", re.sub(r"downsample\.1", "downsample.bn", name))
    name = re.sub(r"\bbn(\d)", r"conv\1.bn", re.sub(r"\bconv(\d)\.", r"conv\1.conv.", name))
    return f"backbone.{name}"


def pyslowfast_name(name: str) -> str:
    """PySlowFast's name of a tensor of `ResNet`."""
    name = re.sub(r"^fc\.", "head.projection.", name)
    name = re.sub(r"^conv1\.", "s1.pathway0_stem.conv.", re.sub(r"^bn1\.", "s1.pathway0_stem.bn.", name))
    name = re.sub(r"downsample\.0", "branch1", re.sub(r"downsample\.1", "branch1_bn", name))
    name = re.sub(r"\.(conv|bn)(\d)\.", lambda m: f".branch2.{'abc'[int(m[2]) - 1]}{'_bn' * (m[1] == 'bn')}.", name)
    return re.sub(r"^layer(\d)\.(\d+)\.", lambda m: f"s{int(m[1]) + 1}.pathway0_res{m[2]}.", name)


def images(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a network without temporal kernels as those of one of images."""
    return {name: tensor.squeeze(2) if tensor.dim() == 5 else tensor for name, tensor in state.items()}


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
