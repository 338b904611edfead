"""Vectors of floats in kernels that numba compiles: loads, stores, and the inner loops of convolutions, unrolled.

Compilers do not find these loops by themselves: accumulators must stay in registers over all taps of a kernel, and
a channel's neighbour in memory be its neighbour in a vector. Here they are written down in LLVM's language instead.
Addresses and distances are bytes, as integers. All that is untyped for lack of numba's types is in this module.
"""

from __future__ import annotations

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

FEATURES = binding.get_host_cpu_features()
HAS_WIDE_VECTORS = bool(FEATURES.get("avx512f"))
HAS_VECTORS = HAS_WIDE_VECTORS or bool(FEATURES.get("avx2") and FEATURES.get("fma"))
LANES = 16 if HAS_WIDE_VECTORS else 8
VECTOR_BYTES = 4 * LANES
MOST_COLUMNS = 8
"""Outputs side by side that a block of a forward pass keeps in registers."""

COUNTER, JOBS, FIRST = range(3)
"""Of a kernel's numbers: the jobs taken, the jobs there are, and the first of its own."""
BLOCK_ROWS = (8, 4, 2, 1) if HAS_WIDE_VECTORS else (4, 2, 1)
MOST_VECTORS = 3
"""A block of a matrix product that registers hold: so many rows times so many vectors."""

NORM_VECTORS = 4
"""Vectors of channels that batch normalisation takes at a time."""
NUMBER_BYTES = 8
INTEGER = ir.IntType(64)
INDEX = ir.IntType(32)
VECTOR = ir.VectorType(ir.FloatType(), LANES)
INDICES = ir.VectorType(INDEX, LANES)
MASK = ir.VectorType(ir.IntType(1), LANES)
ZERO = ir.Constant(VECTOR, [0.0] * LANES)
FLOAT_ALIGNMENT = ir.Constant(INDEX, 4)


def _literal(number):
    return ir.Constant(INTEGER, number)


def _entry(builder, address, index):
    """A pointer to an integer of an array."""
    at = builder.add(address, builder.mul(index, _literal(NUMBER_BYTES)))
    return builder.inttoptr(at, INTEGER.as_pointer())


def _declared(builder, name, result, arguments):
    found = builder.module.globals.get(name)
    return found or ir.Function(builder.module, ir.FunctionType(result, arguments), name)


def _load(builder, address):
    found = builder.load(builder.inttoptr(address, VECTOR.as_pointer()))
    found.align = 4
    return found


def _store(builder, vector, address):
    builder.store(vector, builder.inttoptr(address, VECTOR.as_pointer())).align = 4


def _fused(builder, one, other, total):
    function = _declared(builder, f"llvm.fma.v{LANES}f32", VECTOR, [VECTOR] * 3)
    return builder.call(function, [one, other, total])


def _spread(builder, scalar):
    """A scalar in all lanes of a vector."""
    undefined = ir.Constant(ir.VectorType(scalar.type, LANES), ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(INDEX, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(INDICES, [0] * LANES))


def _first_lanes(builder, count):
    """A mask of the first `count` lanes."""
    lanes = ir.Constant(INDICES, list(range(LANES)))
    return builder.icmp_signed("<", lanes, _spread(builder, builder.trunc(count, INDEX)))


def _load_lanes(builder, address, count):
    pointer = VECTOR.as_pointer()
    function = _declared(builder, f"llvm.masked.load.v{LANES}f32.p0", VECTOR, [pointer, INDEX, MASK, VECTOR])
    arguments = [builder.inttoptr(address, pointer), FLOAT_ALIGNMENT, _first_lanes(builder, count), ZERO]
    return builder.call(function, arguments)


def _store_lanes(builder, vector, address, count):
    pointer = VECTOR.as_pointer()
    result = ir.VoidType()
    function = _declared(builder, f"llvm.masked.store.v{LANES}f32.p0", result, [VECTOR, pointer, INDEX, MASK])
    arguments = [vector, builder.inttoptr(address, pointer), FLOAT_ALIGNMENT, _first_lanes(builder, count)]
    builder.call(function, arguments)


def _load_float(builder, address):
    return builder.load(builder.inttoptr(address, ir.FloatType().as_pointer()))


def _store_float(builder, value, address):
    builder.store(value, builder.inttoptr(address, ir.FloatType().as_pointer()))


def _fused_floats(builder, one, other, total):
    return builder.call(_declared(builder, "llvm.fma.f32", ir.FloatType(), [ir.FloatType()] * 3), [one, other, total])


def _variables(builder, count):
    """Vectors on the stack, zero; LLVM makes registers of them."""
    variables = [cgutils.alloca_once(builder, VECTOR) for _ in range(count)]
    for variable in variables:
        builder.store(ZERO, variable)
    return variables


@intrinsic
def take_job(typing_context, numbers):
    """The number of a job that no other thread has, and how many there are: the first two of a kernel's numbers."""

    def generate(context, builder, signature, arguments):
        counter = _entry(builder, arguments[0], _literal(COUNTER))
        job = builder.atomic_rmw("add", counter, _literal(1), "monotonic")
        jobs = builder.load(_entry(builder, arguments[0], _literal(JOBS)))
        return context.make_tuple(builder, signature.return_type, (job, jobs))

    return types.UniTuple(types.int64, 2)(types.int64), generate


@intrinsic
def number_at(typing_context, address, index):
    """The integer at an index of an array."""

    def generate(context, builder, signature, arguments):
        return builder.load(_entry(builder, *arguments))

    return types.int64(types.int64, types.int64), generate


@intrinsic
def set_number(typing_context, address, index, value):
    """Write an integer to an index of an array."""

    def generate(context, builder, signature, arguments):
        address, index, value = arguments
        builder.store(value, _entry(builder, address, index))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


@intrinsic
def fetch_ahead(typing_context, address):
    """Ask for the line of the cache at an address, which need not exist."""

    def generate(context, builder, signature, arguments):
        pointer = ir.IntType(8).as_pointer()
        function = _declared(builder, "llvm.prefetch.p0", ir.VoidType(), [pointer, INDEX, INDEX, INDEX])
        read, nearest, data = 0, 3, 1
        builder.call(
            function, [builder.inttoptr(arguments[0], pointer), *(ir.Constant(INDEX, n) for n in (read, nearest, data))]
        )
        return context.get_dummy_value()

    return types.void(types.int64), generate


@intrinsic
def copy_lanes(typing_context, target, source, count):
    """Write a whole vector: `count` floats from `source`, then zeros."""

    def generate(context, builder, signature, arguments):
        target, source, count = arguments
        _store(builder, _load_lanes(builder, source, count), target)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


@intrinsic
def zero_lanes(typing_context, target):
    """Write a vector of zeros."""

    def generate(context, builder, signature, arguments):
        _store(builder, ZERO, arguments[0])
        return context.get_dummy_value()

    return types.void(types.int64), generate


@intrinsic(prefer_literal=True)
def convolve_columns(
    typing_context, taps, stride, columns, frames, num_frames, x, x_row, num_rows,
    w, w_frame, w_row, w_tap, y, y_column, lanes,
):  # fmt: skip
    """Up to MOST_COLUMNS neighbouring outputs: y[j] = sum over d, r, s of x[d, r, j * stride + s] * w[d, r, s].

    `taps`, of s, and `stride` are constants. x[d] begins `x` bytes into what the d-th address at `frames` points
    to; its columns are vectors side by side. `lanes` floats of each output are written.
    """
    num_taps, step = taps.literal_value, stride.literal_value

    def generate(context, builder, signature, arguments):
        columns, frames, num_frames, x, x_row, num_rows, w, w_frame, w_row, w_tap, y, y_column, lanes = arguments[2:]

        def block(num_columns):
            sums = _variables(builder, num_columns)
            with cgutils.for_range(builder, num_frames) as d:
                x_begin = builder.add(builder.load(_entry(builder, frames, d.index)), x)
                w_begin = builder.add(w, builder.mul(d.index, w_frame))
                with cgutils.for_range(builder, num_rows) as r:
                    x_at = builder.add(x_begin, builder.mul(r.index, x_row))
                    w_at = builder.add(w_begin, builder.mul(r.index, w_row))
                    weights = [
                        _load(builder, builder.add(w_at, builder.mul(w_tap, _literal(s)))) for s in range(num_taps)
                    ]
                    values = [builder.load(variable) for variable in sums]
                    for column in range((num_columns - 1) * step + num_taps):
                        met = _load(builder, builder.add(x_at, _literal(column * VECTOR_BYTES)))
                        for s, weight in enumerate(weights):
                            j, between = divmod(column - s, step)
                            if between == 0 and 0 <= j < num_columns:
                                values[j] = _fused(builder, met, weight, values[j])
                    for variable, value in zip(sums, values, strict=True):
                        builder.store(value, variable)
            for j, variable in enumerate(sums):
                target = builder.add(y, builder.mul(y_column, _literal(j)))
                _store_lanes(builder, builder.load(variable), target, lanes)

        after = builder.append_basic_block("after")
        choice = builder.switch(columns, after)
        for number in range(1, MOST_COLUMNS + 1):
            case = builder.append_basic_block(f"columns{number}")
            choice.add_case(_literal(number), case)
            builder.position_at_end(case)
            block(number)
            builder.branch(after)
        builder.position_at_end(after)
        return context.get_dummy_value()

    return types.void(taps, stride, *[types.int64] * 13), generate


@intrinsic(prefer_literal=True)
def correlate_plane(typing_context, taps, stride, x, x_row, dy, dy_row, num_rows, num_columns, sums):
    """Adds to sums[r, s] the sum over h, w of dy[h, w] * x[h * stride + r, w * stride + s].

    `taps` and `stride` are constants: r and s are less than `taps`. An even number of columns is met.
    """
    num_taps, step = taps.literal_value, stride.literal_value
    # All sums fit into the registers of wide vectors, and those of one row of taps into any.
    rows_at_once = num_taps if HAS_WIDE_VECTORS else 1

    def generate(context, builder, signature, arguments):
        x, x_row, dy, dy_row, num_rows, num_columns, sums = arguments[2:]
        for first in range(0, num_taps, rows_at_once):
            rows = range(first, first + rows_at_once)
            places = [[builder.add(sums, _literal((r * num_taps + s) * VECTOR_BYTES)) for s in range(num_taps)]
                      for r in rows]  # fmt: skip
            totals = [_variables(builder, num_taps) for _ in rows]
            for row_places, row_totals in zip(places, totals, strict=True):
                for place, total in zip(row_places, row_totals, strict=True):
                    builder.store(_load(builder, place), total)
            with cgutils.for_range(builder, num_rows) as h:
                x_begin = builder.add(x, builder.mul(builder.mul(h.index, _literal(step)), x_row))
                dy_begin = builder.add(dy, builder.mul(h.index, dy_row))
                with cgutils.for_range(builder, builder.udiv(num_columns, _literal(2))) as pair:
                    x_at = builder.add(x_begin, builder.mul(pair.index, _literal(2 * step * VECTOR_BYTES)))
                    dy_at = builder.add(dy_begin, builder.mul(pair.index, _literal(2 * VECTOR_BYTES)))
                    given = [_load(builder, builder.add(dy_at, _literal(j * VECTOR_BYTES))) for j in range(2)]
                    for r, row_totals in zip(rows, totals, strict=True):
                        row_at = builder.add(x_at, builder.mul(x_row, _literal(r)))
                        values = [builder.load(total) for total in row_totals]
                        for column in range(step + num_taps):
                            met = _load(builder, builder.add(row_at, _literal(column * VECTOR_BYTES)))
                            for s in range(num_taps):
                                j, between = divmod(column - s, step)
                                if between == 0 and 0 <= j < 2:
                                    values[s] = _fused(builder, met, given[j], values[s])
                        for total, value in zip(row_totals, values, strict=True):
                            builder.store(value, total)
            for row_places, row_totals in zip(places, totals, strict=True):
                for place, total in zip(row_places, row_totals, strict=True):
                    _store(builder, builder.load(total), place)
        return context.get_dummy_value()

    return types.void(taps, stride, *[types.int64] * 7), generate


@intrinsic(prefer_literal=True)
def update_run(typing_context, has_gradient, p, m, g, count, rates):
    """A step of SGD of `count` floats side by side: d = g + decay p, m = momentum m + d, p = p - rate (a d + b m).

    `has_gradient` is a constant; without one, g is zero and not read. The rates are floats in the order rate, decay,
    momentum, a, b. Sums are rounded where torch's fused step rounds them in a
    vector.
    """

    def generate(context, builder, signature, arguments):
        p, m, g, count, rates = arguments[1:]
        rate, decay, momentum, a, b = (_load_float(builder, builder.add(rates, _literal(4 * i))) for i in range(5))
        forward = builder.fneg(rate)

        def step(offset, load, store, fused, spread):
            """Of one vector, or of one float: vectors that overlap what was just stored in part would wait for it."""
            p_at, m_at, g_at = (builder.add(address, offset) for address in (p, m, g))
            value = load(builder, p_at)
            if has_gradient.literal_value:
                change = fused(builder, spread(decay), value, load(builder, g_at))
            else:
                change = builder.fmul(spread(decay), value)
            moved = builder.fadd(builder.fmul(spread(momentum), load(builder, m_at)), change)
            store(builder, moved, m_at)
            direction = fused(builder, spread(b), moved, builder.fmul(spread(a), change))
            store(builder, fused(builder, spread(forward), direction, value), p_at)

        whole = builder.sdiv(count, _literal(LANES))
        with cgutils.for_range(builder, whole) as loop:
            offset = builder.mul(loop.index, _literal(VECTOR_BYTES))
            step(offset, _load, _store, _fused, lambda scalar: _spread(builder, scalar))
        done = builder.mul(whole, _literal(LANES))
        with cgutils.for_range(builder, builder.sub(count, done)) as loop:
            offset = builder.mul(builder.add(done, loop.index), _literal(4))
            step(offset, _load_float, _store_float, _fused_floats, lambda scalar: scalar)
        return context.get_dummy_value()

    return types.void(has_gradient, *[types.int64] * 5), generate


@intrinsic
def multiply_block(typing_context, a, a_row, a_step, b, b_row, c, c_row, depth, rows, vectors, lanes, adds):
    """c[m, n] = sum over k < depth of a[m, k] * b[k, n], plus what c holds where `adds` is 1, not 0.

    `rows` is 8, 4, 2 or 1, and n goes over 1 to MOST_VECTORS vectors, of the last of which `lanes` lanes exist.
    """

    def generate(context, builder, signature, arguments):
        a, a_row, a_step, b, b_row, c, c_row, depth, rows, vectors, lanes, adds = arguments

        def block(num_rows, num_vectors):
            def places(address, row):
                begin = builder.add(address, row)
                return [builder.add(begin, _literal(n * VECTOR_BYTES)) for n in range(num_vectors)]

            counts = [_literal(LANES)] * (num_vectors - 1) + [lanes]
            sums = [_variables(builder, num_vectors) for _ in range(num_rows)]
            rows_c = [places(c, builder.mul(c_row, _literal(m))) for m in range(num_rows)]
            with builder.if_then(builder.icmp_signed("!=", adds, _literal(0))):
                for row_sums, row_c in zip(sums, rows_c, strict=True):
                    for variable, place, count in zip(row_sums, row_c, counts, strict=True):
                        builder.store(_load_lanes(builder, place, count), variable)
            rows_a = [builder.add(a, builder.mul(a_row, _literal(m))) for m in range(num_rows)]
            with cgutils.for_range(builder, depth) as k:
                met = [
                    _load(builder, place) if count is not lanes else _load_lanes(builder, place, lanes)
                    for place, count in zip(places(b, builder.mul(k.index, b_row)), counts, strict=True)
                ]
                step = builder.mul(k.index, a_step)
                for row_sums, row_a in zip(sums, rows_a, strict=True):
                    factor = _spread(builder, _load_float(builder, builder.add(row_a, step)))
                    for variable, vector in zip(row_sums, met, strict=True):
                        builder.store(_fused(builder, factor, vector, builder.load(variable)), variable)
            for row_sums, row_c in zip(sums, rows_c, strict=True):
                for variable, place, count in zip(row_sums, row_c, counts, strict=True):
                    if count is lanes:
                        _store_lanes(builder, builder.load(variable), place, count)
                    else:
                        _store(builder, builder.load(variable), place)

        after = builder.append_basic_block("after")
        choice = builder.switch(builder.add(builder.mul(rows, _literal(MOST_VECTORS + 1)), vectors), after)
        for num_rows in BLOCK_ROWS:
            for num_vectors in range(1, MOST_VECTORS + 1):
                case = builder.append_basic_block(f"block{num_rows}x{num_vectors}")
                choice.add_case(_literal(num_rows * (MOST_VECTORS + 1) + num_vectors), case)
                builder.position_at_end(case)
                block(num_rows, num_vectors)
                builder.branch(after)
        builder.position_at_end(after)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 12), generate


@intrinsic
def float_at(typing_context, address, index):
    """The float at an index of an array."""

    def generate(context, builder, signature, arguments):
        address, index = arguments
        return _load_float(builder, builder.add(address, builder.mul(index, _literal(4))))

    return types.float32(types.int64, types.int64), generate


@intrinsic
def set_float(typing_context, address, index, value):
    """Write a float to an index of an array."""

    def generate(context, builder, signature, arguments):
        address, index, value = arguments
        _store_float(builder, value, builder.add(address, builder.mul(index, _literal(4))))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.float32), generate


def _by_vectors(builder, vectors, most, generate):
    """Branches for each number of vectors, which `generate` writes."""
    after = builder.append_basic_block("after")
    choice = builder.switch(vectors, after)
    for number in range(1, most + 1):
        case = builder.append_basic_block(f"vectors{number}")
        choice.add_case(_literal(number), case)
        builder.position_at_end(case)
        generate(number)
        builder.branch(after)
    builder.position_at_end(after)


def _at(builder, address, number):
    return builder.add(address, _literal(number * VECTOR_BYTES))


def _load_part(builder, address, number, count, lanes):
    """Vector `number` of `count`, of the last of which `lanes` lanes exist."""
    at = _at(builder, address, number)
    return _load_lanes(builder, at, lanes) if number == count - 1 else _load(builder, at)


def _store_part(builder, vector, address, number, count, lanes):
    at = _at(builder, address, number)
    if number == count - 1:
        _store_lanes(builder, vector, at, lanes)
    else:
        _store(builder, vector, at)


def _rectified(builder, gradient, x, scale, shift):
    """The gradient where x * scale + shift is positive, else zero."""
    is_positive = builder.fcmp_ordered(">", _fused(builder, x, scale, shift), ZERO)
    return builder.select(is_positive, gradient, ZERO)


@intrinsic
def sum_positions(typing_context, x, row, count, vectors, lanes, sums):
    """Sums over `count` positions, `row` bytes apart, of x minus the first position's x, and of its square.

    A position has `vectors` vectors side by side, up to NORM_VECTORS, of the last of which `lanes` lanes exist. To
    `sums` go the first position's x, the sums, and the sums of squares: NORM_VECTORS vectors each.
    """

    def generate(context, builder, signature, arguments):
        x, row, count, vectors, lanes, sums = arguments

        def block(number):
            pivots = [_load_part(builder, x, n, number, lanes) for n in range(number)]
            totals, squares = _variables(builder, number), _variables(builder, number)
            with cgutils.for_range(builder, count) as loop:
                at = builder.add(x, builder.mul(loop.index, row))
                for n, (pivot, total, square) in enumerate(zip(pivots, totals, squares, strict=True)):
                    distance = builder.fsub(_load_part(builder, at, n, number, lanes), pivot)
                    builder.store(builder.fadd(builder.load(total), distance), total)
                    builder.store(_fused(builder, distance, distance, builder.load(square)), square)
            for n, (pivot, total, square) in enumerate(zip(pivots, totals, squares, strict=True)):
                for place, vector in enumerate((pivot, builder.load(total), builder.load(square))):
                    _store(builder, vector, _at(builder, sums, place * NORM_VECTORS + n))

        _by_vectors(builder, vectors, NORM_VECTORS, block)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 6), generate


@intrinsic
def scale_positions(typing_context, rectifies, x, y, row, count, vectors, lanes, factors):
    """y = x * scale + shift, or zero where that is negative and `rectifies` is 1.

    `factors` are scale and shift, NORM_VECTORS vectors each.
    """

    def generate(context, builder, signature, arguments):
        rectifies, x, y, row, count, vectors, lanes, factors = arguments
        least = builder.select(
            builder.icmp_signed("!=", rectifies, _literal(0)), ZERO, ir.Constant(VECTOR, [float("-inf")] * LANES)
        )

        def block(number):
            scales = [_load(builder, _at(builder, factors, n)) for n in range(number)]
            shifts = [_load(builder, _at(builder, factors, NORM_VECTORS + n)) for n in range(number)]
            with cgutils.for_range(builder, count) as loop:
                offset = builder.mul(loop.index, row)
                x_at, y_at = builder.add(x, offset), builder.add(y, offset)
                for n, (scale, shift) in enumerate(zip(scales, shifts, strict=True)):
                    value = _fused(builder, _load_part(builder, x_at, n, number, lanes), scale, shift)
                    # A value that is no number stays one.
                    value = builder.select(builder.fcmp_ordered("<", value, least), least, value)
                    _store_part(builder, value, y_at, n, number, lanes)

        _by_vectors(builder, vectors, NORM_VECTORS, block)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 8), generate


@intrinsic
def sum_gradients(typing_context, rectifies, x, dy, row, count, vectors, lanes, factors, sums):
    """Sums over positions of dy, and of dy * (x - mean); without those that `scale_positions` made zero.

    `factors` are scale, shift and mean, NORM_VECTORS vectors each; so are the two sums, which go to `sums`.
    """

    def generate(context, builder, signature, arguments):
        rectifies, x, dy, row, count, vectors, lanes, factors, sums = arguments
        is_rectified = builder.icmp_signed("!=", rectifies, _literal(0))

        def block(number):
            scales, shifts, means = (
                [_load(builder, _at(builder, factors, part * NORM_VECTORS + n)) for n in range(number)]
                for part in range(3)
            )
            totals, products = _variables(builder, number), _variables(builder, number)
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
                    builder.store(_fused(builder, gradient, distance, builder.load(products[n])), products[n])
            for n in range(number):
                _store(builder, builder.load(totals[n]), _at(builder, sums, n))
                _store(builder, builder.load(products[n]), _at(builder, sums, NORM_VECTORS + n))

        _by_vectors(builder, vectors, NORM_VECTORS, block)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 9), generate


@intrinsic
def spread_gradients(typing_context, rectifies, x, dy, dx, row, count, vectors, lanes, factors):
    """dx = scale * dy + slope * (x - mean) + level, dy as in `sum_gradients`.

    `factors` are scale, shift, mean, slope and level, NORM_VECTORS vectors each.
    """

    def generate(context, builder, signature, arguments):
        rectifies, x, dy, dx, row, count, vectors, lanes, factors = arguments
        is_rectified = builder.icmp_signed("!=", rectifies, _literal(0))

        def block(number):
            scales, shifts, means, slopes, levels = (
                [_load(builder, _at(builder, factors, part * NORM_VECTORS + n)) for n in range(number)]
                for part in range(5)
            )
            with cgutils.for_range(builder, count) as loop:
                offset = builder.mul(loop.index, row)
                x_at, dy_at, dx_at = (builder.add(address, offset) for address in (x, dy, dx))
                for n in range(number):
                    value = _load_part(builder, x_at, n, number, lanes)
                    gradient = _load_part(builder, dy_at, n, number, lanes)
                    kept = _rectified(builder, gradient, value, scales[n], shifts[n])
                    gradient = builder.select(is_rectified, kept, gradient)
                    rest = _fused(builder, slopes[n], builder.fsub(value, means[n]), levels[n])
                    _store_part(builder, _fused(builder, scales[n], gradient, rest), dx_at, n, number, lanes)

        _by_vectors(builder, vectors, NORM_VECTORS, block)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 9), generate


@intrinsic
def transpose_square(typing_context, source, source_row, target, target_row):
    """LANES x LANES floats with rows and columns exchanged."""

    def generate(context, builder, signature, arguments):
        source, source_row, target, target_row = arguments
        half = LANES // 2
        vectors = [_load(builder, builder.add(source, builder.mul(source_row, _literal(i)))) for i in range(LANES)]
        for _ in range(half.bit_length()):
            # Each time the vectors of both halves are interleaved, a bit of the row's number becomes one of the lane's.
            interleaved = []
            for one, other in zip(vectors[:half], vectors[half:], strict=True):
                for first in (0, half):
                    lanes = [lane for i in range(first, first + half) for lane in (i, LANES + i)]
                    interleaved.append(builder.shuffle_vector(one, other, ir.Constant(INDICES, lanes)))
            vectors = interleaved
        for i, vector in enumerate(vectors):
            _store(builder, vector, builder.add(target, builder.mul(target_row, _literal(i))))
        return context.get_dummy_value()

    return types.void(*[types.int64] * 4), generate
