"""Finds the regions of shared parameters that an architecture uses, reads them and adds to them.

For each axis of the shared tensor, a region has the ranges (start, length) that the architecture uses: a prefix of
channels, several ranges after a concatenation, or the centre of a kernel. The first 8 of 16 channels: `((0, 8),)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TypeAlias

import torch
from torch import Tensor

from tsdsl.operators.layers import AxisExtent, Centre, ChannelSegment, Parameter
from tsdsl.operators.varying import fixed

Range: TypeAlias = tuple[int, int]
Region: TypeAlias = tuple[tuple[Range, ...], ...]


def region(parameter: Parameter, shared_sizes: tuple[int, ...]) -> Region:
    """The region of a shared tensor that is this parameter of one architecture."""
    return tuple(ranges(axis, size) for axis, size in zip(parameter.axes, shared_sizes, strict=True))


def ranges(axis: AxisExtent, shared_size: int) -> tuple[Range, ...]:
    """The ranges along one axis, with adjacent segments joined."""
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


def _present(segments: tuple[ChannelSegment, ...]) -> list[Range]:
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
    for target, source in pieces(shared, region, values):
        target.add_(source, alpha=weight)


def pieces(shared: Tensor, region: Region, values: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Pairs of views of the shared and of the compact tensor with the same elements; one pair for a single box."""
    for corner in product(*(_with_position(parts) for parts in region)):
        target, source = shared, values
        for axis, (position, start, length) in enumerate(corner):
            if length < shared.shape[axis]:
                target = target.narrow(axis, start, length)
            if length < values.shape[axis]:
                source = source.narrow(axis, position, length)
        yield target, source


def covering(one: Region, other: Region) -> Region:
    """The smallest region, a product of ranges, that contains both."""
    return tuple(_joined(a, b) for a, b in zip(one, other, strict=True))


def within(inner: Region, outer: Region) -> Region:
    """The place of a region in the compact tensor of a region that contains it."""
    return tuple(
        tuple(
            next((position + start - begin, length) for position, begin, size in held if begin <= start < begin + size)
            for start, length in parts
        )
        for parts, held in zip(inner, map(_with_position, outer), strict=True)
    )


def compact_sizes(region: Region) -> tuple[int, ...]:
    """The sizes of the compact tensor of a region."""
    return tuple(sum(length for _, length in parts) for parts in region)


def _joined(one: tuple[Range, ...], other: tuple[Range, ...]) -> tuple[Range, ...]:
    found: list[Range] = []
    for start, length in sorted((*one, *other)):
        if found and start <= found[-1][0] + found[-1][1]:
            begin, size = found.pop()
            start, length = begin, max(size, start + length - begin)
        found.append((start, length))
    return tuple(found)


def _with_position(parts: tuple[Range, ...]) -> list[tuple[int, int, int]]:
    """(position in the compact tensor, start in the shared one, length) of each range."""
    placed, position = [], 0
    for start, length in parts:
        placed.append((position, start, length))
        position += length
    return placed
