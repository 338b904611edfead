"""The inner loops of matrix products and the transposition of small squares, unrolled, in LLVM's language.

Addresses and distances are bytes, as integers; see `vectors`.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils

from tsdsl.lowering.kernels.cpu.vectors import (
    HAS_WIDE_VECTORS,
    INDICES,
    LANES,
    VECTOR_BYTES,
    by_case,
    fused,
    instructions,
    literal,
    load,
    load_float,
    load_lanes,
    spread,
    store,
    store_lanes,
    variables,
)

BLOCK_ROWS = (8, 4, 2, 1) if HAS_WIDE_VECTORS else (4, 2, 1)
MAX_VECTORS = 3
"""A block of a matrix product that registers hold: so many rows times so many vectors."""


@instructions()
def multiply_block(builder, a, a_row, a_step, b, b_row, c, c_row, depth, rows, vectors, lanes, adds):
    """c[m, n] = sum over k < depth of a[m, k] * b[k, n], plus what c holds where `adds` is 1, not 0.

    `rows` is 8, 4, 2 or 1, and n goes over 1 to MAX_VECTORS vectors, the last with `lanes` lanes.
    """

    def block(num_rows, num_vectors):
        def places(address, row):
            begin = builder.add(address, row)
            return [builder.add(begin, literal(n * VECTOR_BYTES)) for n in range(num_vectors)]

        counts = [literal(LANES)] * (num_vectors - 1) + [lanes]
        sums = [variables(builder, num_vectors) for _ in range(num_rows)]
        rows_c = [places(c, builder.mul(c_row, literal(m))) for m in range(num_rows)]
        with builder.if_then(builder.icmp_signed("!=", adds, literal(0))):
            for row_sums, row_c in zip(sums, rows_c, strict=True):
                for variable, place, count in zip(row_sums, row_c, counts, strict=True):
                    builder.store(load_lanes(builder, place, count), variable)
        rows_a = [builder.add(a, builder.mul(a_row, literal(m))) for m in range(num_rows)]
        with cgutils.for_range(builder, depth) as k:
            met = [
                load(builder, place) if count is not lanes else load_lanes(builder, place, lanes)
                for place, count in zip(places(b, builder.mul(k.index, b_row)), counts, strict=True)
            ]
            step = builder.mul(k.index, a_step)
            for row_sums, row_a in zip(sums, rows_a, strict=True):
                factor = spread(builder, load_float(builder, builder.add(row_a, step)))
                for variable, vector in zip(row_sums, met, strict=True):
                    builder.store(fused(builder, factor, vector, builder.load(variable)), variable)
        for row_sums, row_c in zip(sums, rows_c, strict=True):
            for variable, place, count in zip(row_sums, row_c, counts, strict=True):
                if count is lanes:
                    store_lanes(builder, builder.load(variable), place, count)
                else:
                    store(builder, builder.load(variable), place)

    sizes = {m * (MAX_VECTORS + 1) + n: (m, n) for m in BLOCK_ROWS for n in range(1, MAX_VECTORS + 1)}
    case = builder.add(builder.mul(rows, literal(MAX_VECTORS + 1)), vectors)
    by_case(builder, case, sizes, lambda case: block(*sizes[case]))


@instructions()
def transpose_square(builder, source, source_row, target, target_row):
    """LANES x LANES floats with rows and columns exchanged."""
    half = LANES // 2
    vectors = [load(builder, builder.add(source, builder.mul(source_row, literal(i)))) for i in range(LANES)]
    for _ in range(half.bit_length()):
        # Each time the vectors of both halves are interleaved, a bit of the row's number becomes one of the lane's.
        interleaved = []
        for one, other in zip(vectors[:half], vectors[half:], strict=True):
            for first in (0, half):
                lanes = [lane for i in range(first, first + half) for lane in (i, LANES + i)]
                interleaved.append(builder.shuffle_vector(one, other, ir.Constant(INDICES, lanes)))
        vectors = interleaved
    for i, vector in enumerate(vectors):
        store(builder, vector, builder.add(target, builder.mul(target_row, literal(i))))
