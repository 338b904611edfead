"""Where an architecture's parameters lie in the shared ones, and how to read and add to those places.

A region has for each axis of the shared tensor the ranges (start, length) that the architecture uses:
a prefix of channels, several ranges after a concatenation, or the centre of a kernel.
"""

from __future__ import annotations

from itertools import product
from typing import TypeAlias

import torch
from torch import Tensor

from tsdsl.operators.layers import AxisExtent, Centre, Parameter, Segment
from tsdsl.operators.varying import fixed

Range: TypeAlias = tuple[int, int]
Region: TypeAlias = tuple[tuple[Range, ...], ...]


def region(parameter: Parameter, shared_sizes: tuple[int, ...]) -> Region:
    """The part of a shared tensor that this parameter of one architecture is."""
    return tuple(ranges(axis, size) for axis, size in zip(parameter.axes, shared_sizes, strict=True))


def ranges(axis: AxisExtent, shared_size: int) -> tuple[Range, ...]:
    """The ranges along one axis; neighbouring segments are joined."""
    if isinstance(axis, Centre):
        size = fixed(axis.size)
        return (((shared_size - size) // 2, size),)
    if len(axis.segments) == 1:
        return ((axis.segments[0].offset, fixed(axis.segments[0].length)),)
    found: list[Range] = []
    for start, length in _present(axis.segments):
        if found and found[-1][0] + found[-1][1] == start:
            start, length = found[-1][0], found.pop()[1] + length
        found.append((start, length))
    return tuple(found)


def _present(segments: tuple[Segment, ...]) -> list[Range]:
    pairs = ((segment.offset, fixed(segment.length)) for segment in segments)
    return [(offset, length) for offset, length in pairs if length]


def take(shared: Tensor, region: Region) -> Tensor:
    """The region as one contiguous tensor; gradients flow back into `shared`.

    A copy, unless the region is already contiguous.
    """
    for axis, parts in enumerate(region):
        if parts == ((0, shared.shape[axis]),):
            continue
        pieces = [shared.narrow(axis, start, length) for start, length in parts]
        shared = pieces[0] if len(pieces) == 1 else torch.cat(pieces, axis)
    return shared.contiguous()


def add(shared: Tensor, region: Region, values: Tensor, weight: float = 1.0) -> None:
    """Add `weight * values` to the region of `shared`, in place."""
    for corner in product(*(_with_position(parts) for parts in region)):
        target, source = shared, values
        for axis, (position, start, length) in enumerate(corner):
            if length < shared.shape[axis]:
                target = target.narrow(axis, start, length)
            if length < values.shape[axis]:
                source = source.narrow(axis, position, length)
        target.add_(source, alpha=weight)


def _with_position(parts: tuple[Range, ...]) -> list[tuple[int, int, int]]:
    """(position in the compact tensor, start in the shared one, length) of each range."""
    placed, position = [], 0
    for start, length in parts:
        placed.append((position, start, length))
        position += length
    return placed
