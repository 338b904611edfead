"""Vectors of floats in kernels that numba compiles: LLVM's instructions for them, and functions that kernels call.

Compilers do not find the inner loops of this project's kernels by themselves: sums must stay in registers over all taps
of a convolution, and a channel's neighbour in memory be its neighbour in a vector. They are written down in LLVM's
language instead, here and in the modules named `..._vectors`, which are untyped as llvmlite and numba are. Addresses
and distances are bytes, as integers.
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

COUNTER, JOBS, FIRST = range(3)
"""Of a kernel's numbers: the jobs taken, the jobs there are, and the first of its own."""

NUMBER_BYTES = 8
INTEGER = ir.IntType(64)
INDEX = ir.IntType(32)
VECTOR = ir.VectorType(ir.FloatType(), LANES)
INDICES = ir.VectorType(INDEX, LANES)
MASK = ir.VectorType(ir.IntType(1), LANES)
ZERO = ir.Constant(VECTOR, [0.0] * LANES)
FLOAT_ALIGNMENT = ir.Constant(INDEX, 4)


def literal(number):
    """A number that is known when a kernel is compiled."""
    return ir.Constant(INTEGER, number)


def entry_of(builder, address, index):
    """A pointer to an integer of an array."""
    at = builder.add(address, builder.mul(index, literal(NUMBER_BYTES)))
    return builder.inttoptr(at, INTEGER.as_pointer())


def declared(builder, name, result, arguments):
    """A function of LLVM's own."""
    found = builder.module.globals.get(name)
    return found or ir.Function(builder.module, ir.FunctionType(result, arguments), name)


def load(builder, address):
    """A whole vector."""
    found = builder.load(builder.inttoptr(address, VECTOR.as_pointer()))
    found.align = 4
    return found


def store(builder, vector, address):
    """Write a whole vector."""
    builder.store(vector, builder.inttoptr(address, VECTOR.as_pointer())).align = 4


def fused(builder, one, other, total):
    """one * other + total, rounded once."""
    function = declared(builder, f"llvm.fma.v{LANES}f32", VECTOR, [VECTOR] * 3)
    return builder.call(function, [one, other, total])


def spread(builder, scalar):
    """A scalar in all lanes of a vector."""
    undefined = ir.Constant(ir.VectorType(scalar.type, LANES), ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(INDEX, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(INDICES, [0] * LANES))


def first_lanes(builder, count):
    """A mask of the first `count` lanes."""
    lanes = ir.Constant(INDICES, list(range(LANES)))
    return builder.icmp_signed("<", lanes, spread(builder, builder.trunc(count, INDEX)))


def load_lanes(builder, address, count):
    """The first `count` lanes of a vector, and zeros; nothing else is read."""
    pointer = VECTOR.as_pointer()
    function = declared(builder, f"llvm.masked.load.v{LANES}f32.p0", VECTOR, [pointer, INDEX, MASK, VECTOR])
    arguments = [builder.inttoptr(address, pointer), FLOAT_ALIGNMENT, first_lanes(builder, count), ZERO]
    return builder.call(function, arguments)


def store_lanes(builder, vector, address, count):
    """Write the first `count` lanes of a vector."""
    pointer = VECTOR.as_pointer()
    result = ir.VoidType()
    function = declared(builder, f"llvm.masked.store.v{LANES}f32.p0", result, [VECTOR, pointer, INDEX, MASK])
    arguments = [vector, builder.inttoptr(address, pointer), FLOAT_ALIGNMENT, first_lanes(builder, count)]
    builder.call(function, arguments)


def load_float(builder, address):
    """One float."""
    return builder.load(builder.inttoptr(address, ir.FloatType().as_pointer()))


def store_float(builder, value, address):
    """Write one float."""
    builder.store(value, builder.inttoptr(address, ir.FloatType().as_pointer()))


def fused_floats(builder, one, other, total):
    """`fused` of floats."""
    return builder.call(declared(builder, "llvm.fma.f32", ir.FloatType(), [ir.FloatType()] * 3), [one, other, total])


def variables(builder, count):
    """Vectors on the stack, zero; LLVM makes registers of them."""
    variables = [cgutils.alloca_once(builder, VECTOR) for _ in range(count)]
    for variable in variables:
        builder.store(ZERO, variable)
    return variables


@intrinsic
def take_job(typing_context, numbers):
    """The number of a job that no other thread has, and how many there are: the first two of a kernel's numbers."""

    def generate(context, builder, signature, arguments):
        counter = entry_of(builder, arguments[0], literal(COUNTER))
        job = builder.atomic_rmw("add", counter, literal(1), "monotonic")
        jobs = builder.load(entry_of(builder, arguments[0], literal(JOBS)))
        return context.make_tuple(builder, signature.return_type, (job, jobs))

    return types.UniTuple(types.int64, 2)(types.int64), generate


@intrinsic
def number_at(typing_context, address, index):
    """The integer at an index of an array."""

    def generate(context, builder, signature, arguments):
        return builder.load(entry_of(builder, *arguments))

    return types.int64(types.int64, types.int64), generate


@intrinsic
def set_number(typing_context, address, index, value):
    """Write an integer to an index of an array."""

    def generate(context, builder, signature, arguments):
        address, index, value = arguments
        builder.store(value, entry_of(builder, address, index))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


@intrinsic
def fetch_ahead(typing_context, address):
    """Ask for the line of the cache at an address, which need not exist."""

    def generate(context, builder, signature, arguments):
        pointer = ir.IntType(8).as_pointer()
        function = declared(builder, "llvm.prefetch.p0", ir.VoidType(), [pointer, INDEX, INDEX, INDEX])
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
        store(builder, load_lanes(builder, source, count), target)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


@intrinsic
def zero_lanes(typing_context, target):
    """Write a vector of zeros."""

    def generate(context, builder, signature, arguments):
        store(builder, ZERO, arguments[0])
        return context.get_dummy_value()

    return types.void(types.int64), generate


@intrinsic
def float_at(typing_context, address, index):
    """The float at an index of an array."""

    def generate(context, builder, signature, arguments):
        address, index = arguments
        return load_float(builder, builder.add(address, builder.mul(index, literal(4))))

    return types.float32(types.int64, types.int64), generate


@intrinsic
def set_float(typing_context, address, index, value):
    """Write a float to an index of an array."""

    def generate(context, builder, signature, arguments):
        address, index, value = arguments
        store_float(builder, value, builder.add(address, builder.mul(index, literal(4))))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.float32), generate
