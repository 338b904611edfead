"""The inner loop of SGD with momentum, in LLVM's language.

Addresses and distances are bytes, as integers; see `vectors`.
"""

from __future__ import annotations

from numba.core import cgutils

from tsdsl.lowering.kernels.cpu.vectors import (
    FLOAT_BYTES,
    LANES,
    VECTOR_BYTES,
    fused,
    fused_floats,
    instructions,
    literal,
    load,
    load_float,
    spread,
    store,
    store_float,
)


@instructions(constants=1)
def update_run(builder, has_gradient, p, m, g, count, rates):
    """A step of SGD of `count` neighbouring floats: d = g + decay p, m = momentum m + d, p = p - rate (a d + b m).

    Without a gradient g is zero and is not read. The rates are floats in the order rate, decay, momentum, a, b. Sums
    are rounded where torch's fused step rounds them in a vector.
    """
    rate, decay, momentum, a, b = (
        load_float(builder, builder.add(rates, literal(FLOAT_BYTES * index))) for index in range(5)
    )
    forward = builder.fneg(rate)

    def step(offset, load, store, fused, spread):
        """Of one vector, or of one float: vectors that overlap what was just stored in part would wait for it."""
        p_at, m_at, g_at = (builder.add(address, offset) for address in (p, m, g))
        value = load(builder, p_at)
        if has_gradient:
            change = fused(builder, spread(decay), value, load(builder, g_at))
        else:
            change = builder.fmul(spread(decay), value)
        moved = builder.fadd(builder.fmul(spread(momentum), load(builder, m_at)), change)
        store(builder, moved, m_at)
        direction = fused(builder, spread(b), moved, builder.fmul(spread(a), change))
        store(builder, fused(builder, spread(forward), direction, value), p_at)

    whole = builder.sdiv(count, literal(LANES))
    with cgutils.for_range(builder, whole) as loop:
        offset = builder.mul(loop.index, literal(VECTOR_BYTES))
        step(offset, load, store, fused, lambda scalar: spread(builder, scalar))
    done = builder.mul(whole, literal(LANES))
    with cgutils.for_range(builder, builder.sub(count, done)) as loop:
        offset = builder.mul(builder.add(done, loop.index), literal(FLOAT_BYTES))
        step(offset, load_float, store_float, fused_floats, lambda scalar: scalar)
