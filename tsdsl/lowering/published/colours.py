"""Weights for colours that are normalised as another project does, changed so that ours may be given to them.

Shapes: O channels, C colours, T x H x W kernel.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

MEAN, STANDARD_DEVIATION = 0.45, 0.225
"""Of our colours, from 0 to 1; as in PySlowFast and pytorchvideo."""


@dataclass(frozen=True, slots=True)
class Colours:
    """What is subtracted from red, green and blue, from 0 to 1, and what the difference is divided by."""

    mean: tuple[float, float, float]
    standard_deviation: tuple[float, float, float]


OURS = Colours((MEAN,) * 3, (STANDARD_DEVIATION,) * 3)
IMAGENET = Colours((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
TORCHVISION_VIDEO = Colours((0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989))


def for_our_colours(weight_OCTHW: Tensor, mean_O: Tensor, colours: Colours) -> tuple[Tensor, Tensor]:
    """The weight of a first convolution and the running mean of the BN after it, for our colours.

    The scores are the same up to rounding, except for what the zeros beyond the edges of the frames stand for: the
    mean colour, which is another one.
    """
    mean_C, deviation_C = torch.tensor(colours.mean), torch.tensor(colours.standard_deviation)
    offset_C = (MEAN - mean_C) / deviation_C
    shift_O = (weight_OCTHW.sum((2, 3, 4)).double() @ offset_C.double()).to(mean_O.dtype)
    scale_C = (STANDARD_DEVIATION / deviation_C).to(weight_OCTHW.dtype)
    return weight_OCTHW * scale_C[None, :, None, None, None], mean_O - shift_O
