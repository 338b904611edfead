"""The inner loops of batch normalisation over positions, in LLVM's language.

Addresses and distances are bytes, as integers; see `vectors`.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils

from tsdsl.lowering.kernels.cpu.vectors import (
    LANES,
    VECTOR,
    VECTOR_BYTES,
    ZERO,
    by_case,
    fused,
    instructions,
    literal,
    load,
    load_lanes,
    store,
    store_lanes,
    variables,
)

NORM_VECTORS = 4
"""Vectors of channels that batch normalisation takes at a time."""


def _at(builder, address, number):
    return builder.add(address, literal(number * VECTOR_BYTES))


def _load_part(builder, address, number, count, lanes):
    """Vector `number` of `count`; the last one has `lanes` lanes."""
    at = _at(builder, address, number)
    return load_lanes(builder, at, lanes) if number == count - 1 else load(builder, at)


def _store_part(builder, vector, address, number, count, lanes):
    at = _at(builder, address, number)
    if number == count - 1:
        store_lanes(builder, vector, at, lanes)
    else:
        store(builder, vector, at)


def _rectified(builder, gradient, x, scale, shift):
    """The gradient where x * scale + shift is positive, else zero."""
    is_positive = builder.fcmp_ordered(">", fused(builder, x, scale, shift), ZERO)
    return builder.select(is_positive, gradient, ZERO)


@instructions()
def sum_positions(builder, x, row, count, vectors, lanes, sums):
    """Sums over `count` positions, `row` bytes apart, of x minus the first position's x, and of its square.

    A position has `vectors` vectors side by side, up to NORM_VECTORS, the last with `lanes` lanes. To
    `sums` go the first position's x, the sums, and the sums of squares: NORM_VECTORS vectors each.
    """

    def block(number):
        pivots = [_load_part(builder, x, n, number, lanes) for n in range(number)]
        totals, squares = variables(builder, number), variables(builder, number)
        with cgutils.for_range(builder, count) as loop:
            at = builder.add(x, builder.mul(loop.index, row))
            for n, (pivot, total, square) in enumerate(zip(pivots, totals, squares, strict=True)):
                distance = builder.fsub(_load_part(builder, at, n, number, lanes), pivot)
                builder.store(builder.fadd(builder.load(total), distance), total)
                builder.store(fused(builder, distance, distance, builder.load(square)), square)
        for n, (pivot, total, square) in enumerate(zip(pivots, totals, squares, strict=True)):
            for place, vector in enumerate((pivot, builder.load(total), builder.load(square))):
                store(builder, vector, _at(builder, sums, place * NORM_VECTORS + n))

    by_case(builder, vectors, range(1, NORM_VECTORS + 1), block)


@instructions()
def scale_positions(builder, rectifies, x, y, row, count, vectors, lanes, factors):
    """y = x * scale + shift, or zero where that is negative and `rectifies` is 1.

    `factors` are scale and shift, NORM_VECTORS vectors each.
    """
    least = builder.select(
        builder.icmp_signed("!=", rectifies, literal(0)), ZERO, ir.Constant(VECTOR, [float("-inf")] * LANES)
    )

    def block(number):
        scales = [load(builder, _at(builder, factors, n)) for n in range(number)]
        shifts = [load(builder, _at(builder, factors, NORM_VECTORS + n)) for n in range(number)]
        with cgutils.for_range(builder, count) as loop:
            offset = builder.mul(loop.index, row)
            x_at, y_at = builder.add(x, offset), builder.add(y, offset)
            for n, (scale, shift) in enumerate(zip(scales, shifts, strict=True)):
                value = fused(builder, _load_part(builder, x_at, n, number, lanes), scale, shift)
                # NaN stays NaN.
                value = builder.select(builder.fcmp_ordered("<", value, least), least, value)
                _store_part(builder, value, y_at, n, number, lanes)

    by_case(builder, vectors, range(1, NORM_VECTORS + 1), block)


@instructions()
def sum_gradients(builder, rectifies, x, dy, row, count, vectors, lanes, factors, sums):
    """Sums over positions of dy, and of dy * (x - mean); without those that `scale_positions` made zero.

    `factors` are scale, shift and mean, NORM_VECTORS vectors each; so are the two sums, which go to `sums`.
    """
    is_rectified = builder.icmp_signed("!=", rectifies, literal(0))

    def block(number):
        scales, shifts, means = (
            [load(builder, _at(builder, factors, part * NORM_VECTORS + n)) for n in range(number)] for part in range(3)
        )
        totals, products = variables(builder, number), variables(builder, number)
        with cgutils.for_range(builder, count) as loop:
            offset = builder.mul(loop.index, row)
            x_at, dy_at = builder.add(x, offset), builder.add(dy, offset)
            for n in range(number):
                value = _load_part(builder, x_at, n, number, lanes)
                gradient = _load_part(builder, dy_at, n, number, lanes)
                kept = _rectified(builder, gradient, value, scales[n], shifts[n])
                gradient = builder.select(is_rectified, kept, gradient)
                distance = builder.fsub(value, means[n])
                builder.store(builder.fadd(builder.load(totals[n]), gradient), totals[n])
                builder.store(fused(builder, gradient, distance, builder.load(products[n])), products[n])
        for n in range(number):
            store(builder, builder.load(totals[n]), _at(builder, sums, n))
            store(builder, builder.load(products[n]), _at(builder, sums, NORM_VECTORS + n))

    by_case(builder, vectors, range(1, NORM_VECTORS + 1), block)


@instructions()
def spread_gradients(builder, rectifies, x, dy, dx, row, count, vectors, lanes, factors):
    """dx = scale * dy + slope * (x - mean) + level, dy as in `sum_gradients`.

    `factors` are scale, shift, mean, slope and level, NORM_VECTORS vectors each.
    """
    is_rectified = builder.icmp_signed("!=", rectifies, literal(0))

    def block(number):
        scales, shifts, means, slopes, levels = (
            [load(builder, _at(builder, factors, part * NORM_VECTORS + n)) for n in range(number)] for part in range(5)
        )
        with cgutils.for_range(builder, count) as loop:
            offset = builder.mul(loop.index, row)
            x_at, dy_at, dx_at = (builder.add(address, offset) for address in (x, dy, dx))
            for n in range(number):
                value = _load_part(builder, x_at, n, number, lanes)
                gradient = _load_part(builder, dy_at, n, number, lanes)
                kept = _rectified(builder, gradient, value, scales[n], shifts[n])
                gradient = builder.select(is_rectified, kept, gradient)
                rest = fused(builder, slopes[n], builder.fsub(value, means[n]), levels[n])
                _store_part(builder, fused(builder, scales[n], gradient, rest), dx_at, n, number, lanes)

    by_case(builder, vectors, range(1, NORM_VECTORS + 1), block)
