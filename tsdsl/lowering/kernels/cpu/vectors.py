"""Vectors of floats in kernels that numba compiles: LLVM's instructions for them, and functions that kernels call.

Compilers do not find the inner loops of this project's kernels by themselves: sums must stay in registers over all taps
of a convolution, and neighbouring channels must be neighbours in a vector. So the loops are written in LLVM's language,
here and in the modules named `..._vectors`, which are untyped as llvmlite and numba are. Addresses and distances are
bytes, as integers.
"""

from __future__ import annotations

import inspect

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

FEATURES = binding.get_host_cpu_features()
HAS_WIDE_VECTORS = bool(FEATURES.get("avx512f"))
HAS_VECTORS = HAS_WIDE_VECTORS or bool(FEATURES.get("avx2") and FEATURES.get("fma"))
LANES = 16 if HAS_WIDE_VECTORS else 8
VECTOR_BYTES = 4 * LANES

FLOAT_BYTES = 4
NUMBER_BYTES = 8
INTEGER = ir.IntType(64)
INDEX = ir.IntType(32)
VECTOR = ir.VectorType(ir.FloatType(), LANES)
INDICES = ir.VectorType(INDEX, LANES)
MASK = ir.VectorType(ir.IntType(1), LANES)
ZERO = ir.Constant(VECTOR, [0.0] * LANES)
FLOAT_ALIGNMENT = ir.Constant(INDEX, 4)


def instructions(*, constants=0, result=types.void):
    """Makes a function that kernels can call of one that writes its instructions with a builder and its arguments.

    The first `constants` arguments are numbers that must be known when a kernel is compiled; other arguments are 64-bit
    integers or floats.
    """

    def decorate(write):
        def typed(typing_context, *given):
            known = [argument.literal_value for argument in given[:constants]]

            def generate(context, builder, signature, arguments):
                value = write(builder, *known, *arguments[constants:])
                return context.get_dummy_value() if value is None else value

            others = [types.float32 if isinstance(a, types.Float) else types.int64 for a in given[constants:]]
            return result(*given[:constants], *others), generate

        typed.__name__, typed.__doc__, typed.__signature__ = write.__name__, write.__doc__, inspect.signature(write)
        return intrinsic(prefer_literal=bool(constants))(typed)

    return decorate


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


def by_case(builder, value, cases, write):
    """Branches for each case that a value may be, which `write` writes; nothing is done for any other."""
    after = builder.append_basic_block("after")
    choice = builder.switch(value, after)
    for case in cases:
        block = builder.append_basic_block(f"case{case}")
        choice.add_case(literal(case), block)
        builder.position_at_end(block)
        write(case)
        builder.branch(after)
    builder.position_at_end(after)


def variables(builder, count):
    """Vectors on the stack, zero; LLVM makes registers of them."""
    variables = [cgutils.alloca_once(builder, VECTOR) for _ in range(count)]
    for variable in variables:
        builder.store(ZERO, variable)
    return variables


@intrinsic
def fields_at(typing_context, address, kind, version):
    """The named tuple of integers of class `kind` that begins at an address; see `compiled.version`."""
    fields = kind.instance_class._fields

    def generate(context, builder, signature, arguments):
        values = [builder.load(entry_of(builder, arguments[0], literal(index))) for index in range(len(fields))]
        return context.make_tuple(builder, signature.return_type, values)

    return types.NamedUniTuple(types.int64, len(fields), kind.instance_class)(types.int64, kind, version), generate


@instructions(result=types.int64)
def take_number(builder, address, index):
    """The integer at an index of an array, which grows by 1; no other thread gets the same."""
    return builder.atomic_rmw("add", entry_of(builder, address, index), literal(1), "monotonic")


@instructions()
def call_kernel(builder, kernel, numbers, job):
    """Do a job of the kernel at an address."""
    kind = ir.FunctionType(ir.VoidType(), [INTEGER, INTEGER])
    builder.call(builder.inttoptr(kernel, kind.as_pointer()), [numbers, job])


@instructions(result=types.int64)
def number_at(builder, address, index):
    """The integer at an index of an array."""
    return builder.load(entry_of(builder, address, index))


@instructions()
def set_number(builder, address, index, value):
    """Write an integer to an index of an array."""
    builder.store(value, entry_of(builder, address, index))


@instructions()
def fetch_ahead(builder, address):
    """Ask for the line of the cache at an address, which need not exist."""
    pointer = ir.IntType(8).as_pointer()
    function = declared(builder, "llvm.prefetch.p0", ir.VoidType(), [pointer, INDEX, INDEX, INDEX])
    read, nearest, data = 0, 3, 1
    numbers = [ir.Constant(INDEX, number) for number in (read, nearest, data)]
    builder.call(function, [builder.inttoptr(address, pointer), *numbers])


@instructions()
def copy_lanes(builder, target, source, count):
    """Write a whole vector: `count` floats from `source`, then zeros."""
    store(builder, load_lanes(builder, source, count), target)


@instructions()
def zero_lanes(builder, target):
    """Write a vector of zeros."""
    store(builder, ZERO, target)


@instructions(result=types.float32)
def float_at(builder, address, index):
    """The float at an index of an array."""
    return load_float(builder, builder.add(address, builder.mul(index, literal(FLOAT_BYTES))))


@instructions()
def set_float(builder, address, index, value):
    """Write a float to an index of an array."""
    store_float(builder, value, builder.add(address, builder.mul(index, literal(FLOAT_BYTES))))
