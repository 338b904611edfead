"""The inner loops of depthwise convolutions, unrolled, in LLVM's language; sums stay in registers over all taps.

Addresses and distances are bytes, as integers; see `vectors`.
"""

from __future__ import annotations

from numba.core import cgutils

from tsdsl.lowering.kernels.cpu.vectors import (
    HAS_WIDE_VECTORS,
    VECTOR_BYTES,
    by_case,
    entry_of,
    fused,
    instructions,
    literal,
    load,
    store,
    store_lanes,
    variables,
)

MAX_COLUMNS = 8
"""Neighbouring outputs that a block of a forward pass keeps in registers."""


@instructions(constants=2)
def convolve_columns(
    builder, taps, stride, columns, frames, num_frames, x, x_row, num_rows,
    w, w_frame, w_row, w_tap, y, y_column, lanes,
):  # fmt: skip
    """Up to MAX_COLUMNS neighbouring outputs: y[j] = sum over d, r, s of x[d, r, j * stride + s] * w[d, r, s].

    s is less than `taps`. x[d] begins `x` bytes after the d-th address at `frames`; its columns are neighbouring
    vectors. `lanes` floats of each output are written.
    """

    def block(num_columns):
        sums = variables(builder, num_columns)
        with cgutils.for_range(builder, num_frames) as d:
            x_begin = builder.add(builder.load(entry_of(builder, frames, d.index)), x)
            w_begin = builder.add(w, builder.mul(d.index, w_frame))
            with cgutils.for_range(builder, num_rows) as r:
                x_at = builder.add(x_begin, builder.mul(r.index, x_row))
                w_at = builder.add(w_begin, builder.mul(r.index, w_row))
                weights = [load(builder, builder.add(w_at, builder.mul(w_tap, literal(s)))) for s in range(taps)]
                values = [builder.load(variable) for variable in sums]
                for column in range((num_columns - 1) * stride + taps):
                    met = load(builder, builder.add(x_at, literal(column * VECTOR_BYTES)))
                    for s, weight in enumerate(weights):
                        j, between = divmod(column - s, stride)
                        if between == 0 and 0 <= j < num_columns:
                            values[j] = fused(builder, met, weight, values[j])
                for variable, value in zip(sums, values, strict=True):
                    builder.store(value, variable)
        for j, variable in enumerate(sums):
            target = builder.add(y, builder.mul(y_column, literal(j)))
            store_lanes(builder, builder.load(variable), target, lanes)

    by_case(builder, columns, range(1, MAX_COLUMNS + 1), block)


@instructions(constants=2)
def correlate_plane(builder, taps, stride, x, x_row, dy, dy_row, num_rows, num_columns, sums):
    """Adds to sums[r, s] the sum over h, w of dy[h, w] * x[h * stride + r, w * stride + s].

    r and s are less than `taps`. `num_columns` must be even.
    """
    # All sums fit into the registers of wide vectors, and those of one row of taps into any.
    rows_at_once = taps if HAS_WIDE_VECTORS else 1
    for first in range(0, taps, rows_at_once):
        rows = range(first, first + rows_at_once)
        places = [[builder.add(sums, literal((r * taps + s) * VECTOR_BYTES)) for s in range(taps)] for r in rows]
        totals = [variables(builder, taps) for _ in rows]
        for row_places, row_totals in zip(places, totals, strict=True):
            for place, total in zip(row_places, row_totals, strict=True):
                builder.store(load(builder, place), total)
        with cgutils.for_range(builder, num_rows) as h:
            x_begin = builder.add(x, builder.mul(builder.mul(h.index, literal(stride)), x_row))
            dy_begin = builder.add(dy, builder.mul(h.index, dy_row))
            with cgutils.for_range(builder, builder.udiv(num_columns, literal(2))) as pair:
                x_at = builder.add(x_begin, builder.mul(pair.index, literal(2 * stride * VECTOR_BYTES)))
                dy_at = builder.add(dy_begin, builder.mul(pair.index, literal(2 * VECTOR_BYTES)))
                given = [load(builder, builder.add(dy_at, literal(j * VECTOR_BYTES))) for j in range(2)]
                for r, row_totals in zip(rows, totals, strict=True):
                    row_at = builder.add(x_at, builder.mul(x_row, literal(r)))
                    values = [builder.load(total) for total in row_totals]
                    for column in range(stride + taps):
                        met = load(builder, builder.add(row_at, literal(column * VECTOR_BYTES)))
                        for s in range(taps):
                            j, between = divmod(column - s, stride)
                            if between == 0 and 0 <= j < 2:
                                values[s] = fused(builder, met, given[j], values[s])
                    for total, value in zip(row_totals, values, strict=True):
                        builder.store(value, total)
        for row_places, row_totals in zip(places, totals, strict=True):
            for place, total in zip(row_places, row_totals, strict=True):
                store(builder, builder.load(total), place)
