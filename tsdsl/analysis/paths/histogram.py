"""The distribution of the paths of a trellis over their costs: one vector for each state, shifted and added.

Costs are counted on a lattice. The exact lattice of a stage is that of all costs up to there, which is
coarse where features are large, so early stages have short vectors. A bounded number of bins instead
rounds the cost of each edge down (all sums are too small) or up (too large): a bracket. Own design.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import gcd, ldexp
from typing import Literal

import numpy as np

from tsdsl.analysis.paths.arithmetic import Arithmetic
from tsdsl.analysis.paths.trellis import Stage, Trellis, least_to_go
from tsdsl.errors import RunError
from tsdsl.operators.varying import Array
from tsdsl.records import dataclass

LARGEST_LAYER_BYTES = 6_000_000_000
BLOCK_BINS = 1 << 15


@dataclass(frozen=True, eq=False)
class Lattice:
    """For each stage the width of a bin before and after it, and the shift of each edge in bins after.

    `rounding` says how costs between multiples of the width are rounded: there are none, down, or up.
    """

    trellis: Trellis
    widths: tuple[int, ...]
    shifts: tuple[Array, ...]
    rounding: Literal["none", "down", "up"]

    @cached_property
    def to_go(self) -> list[Array]:
        """For the states before each stage and after the last, the least rounded cost from there on."""
        rounded = [shift * width for shift, width in zip(self.shifts, self.widths[1:], strict=True)]
        return least_to_go(list(zip(self.trellis.stages, rounded, strict=True)))

    @cached_property
    def largest_error(self) -> int:
        """The most by which the rounded cost of a path differs from its cost."""
        return sum(
            int(np.abs(stage.cost - shift * width).max())
            for stage, shift, width in zip(self.trellis.stages, self.shifts, self.widths[1:], strict=True)
        )

    def lengths(self, stage: int, slack: int) -> Array:
        """For the states after a stage, how many bins can still end within `slack`."""
        bins: Array = (slack - self.to_go[stage + 1]) // self.widths[stage + 1] + 1
        return np.maximum(bins, 0)

    @cached_property
    def reach(self) -> list[int]:
        """The largest bin after each stage."""
        reached, found = 0, []
        for width, finer, shift in zip(self.widths, self.widths[1:], self.shifts, strict=False):
            reached = reached * (width // finer) + int(shift.max())
            found.append(reached)
        return found

    def work(self, slack: int) -> int:
        """About how many additions a pass up to the last stage takes, and at least one."""
        total, bins = 1, 1
        for number, stage in enumerate(self.trellis.stages):
            total += stage.flat.size * bins
            bins = min(int(self.lengths(number, slack).max()), self.reach[number] + 1)
        return total


def exact_lattice(trellis: Trellis) -> Lattice:
    """The coarsest lattice of each stage on which every cost up to there lies."""
    finest, widths = 0, []
    for stage in trellis.stages:
        finest = gcd(finest, stage.divisor)
        widths.append(finest)
    first = next((width for width in widths if width), 1)
    widths = [width or first for width in widths]
    shifts = tuple(stage.cost // width for stage, width in zip(trellis.stages, widths, strict=True))
    return Lattice(trellis, (first, *widths), shifts, "none")


def even_lattice(trellis: Trellis, slack: int, bins: int, rounding: Literal["down", "up"]) -> Lattice:
    """About `bins` bins of one width up to `slack`; exact where no cost is between two."""
    width = -(-(slack + 1) // (bins * trellis.divisor)) * trellis.divisor
    if width == trellis.divisor:
        shifts = [stage.cost // width for stage in trellis.stages]
        return Lattice(trellis, (width,) * (len(shifts) + 1), tuple(shifts), "none")
    up = width - 1 if rounding == "up" else 0
    shifts = [(stage.cost + up) // width for stage in trellis.stages]
    return Lattice(trellis, (width,) * (len(shifts) + 1), tuple(shifts), rounding)


@dataclass(frozen=True, eq=False)
class Bundle:
    """Edges with the same states and shift as one edge, sorted by target, source and shift.

    `member` gives for each edge of the stage the number of its bundle.
    """

    target: Array
    source: Array
    shift: Array
    weight: Array
    member: Array


def bundled(stage: Stage, shift: Array, dtype: type) -> Bundle:
    """The edges of a stage; weights of edges with the same effect are added."""
    order = np.lexsort((shift, stage.source, stage.target))
    target, source, moved = stage.target[order], stage.source[order], shift[order]
    is_new = np.ones(order.size, dtype=bool)
    is_new[1:] = (target[1:] != target[:-1]) | (source[1:] != source[:-1]) | (moved[1:] != moved[:-1])
    first = np.flatnonzero(is_new)
    weight = np.add.reduceat(stage.weight[order].astype(np.float64 if dtype is np.float64 else np.int64), first)
    member = np.empty(order.size, dtype=np.int64)
    member[order] = np.cumsum(is_new) - 1
    return Bundle(target[first], source[first], moved[first], weight, member)


@dataclass(frozen=True, eq=False)
class Layer:
    """Counts by state and bin before a stage: `rows` times 2^`exponent`.

    `halvings` of them were done here, to make room for what the stage adds up.
    """

    rows: Array
    exponent: int
    halvings: int


def layers(lattice: Lattice, arithmetic: Arithmetic, slack: int, stages: int) -> list[Layer]:
    """The distribution before each of the first `stages` stages and after them, up to costs of `slack`.

    Rows are as their stage reads them: prepared so that its sums, or one over all bins, do not overflow.

    Raises:
        RunError: a layer would take more than LARGEST_LAYER_BYTES.
    """
    rows: Array = np.ones((1, 1), dtype=arithmetic.dtype)
    exponent = 0
    found: list[Layer] = []
    for number in range(stages):
        bundle = bundled(lattice.trellis.stages[number], lattice.shifts[number], arithmetic.dtype)
        fan_in = int(np.ceil(np.bincount(bundle.target, bundle.weight).max()))
        rows, halvings = arithmetic.prepared(rows, fan_in)
        exponent += halvings
        found.append(Layer(rows, exponent, halvings))
        rows = _after(lattice, number, bundle, rows, arithmetic, slack)
    rows, halvings = arithmetic.prepared(rows, rows.shape[1])
    found.append(Layer(rows, exponent + halvings, halvings))
    return found


def _after(lattice: Lattice, number: int, bundle: Bundle, rows: Array, arithmetic: Arithmetic, slack: int) -> Array:
    """The rows after a stage. Bins are kept by their remainder modulo the refinement while adding."""
    stage = lattice.trellis.stages[number]
    refinement = lattice.widths[number] // lattice.widths[number + 1]
    lengths = np.minimum(lattice.lengths(number, slack), lattice.reach[number] + 1)
    bins = max(1, int(lengths.max()))
    quotients = -(-bins // refinement)
    if stage.num_targets * refinement * quotients * 8 > LARGEST_LAYER_BYTES:
        raise RunError(
            f"an exact answer needs {stage.num_targets * bins * 8 / 1e9:.1f} GB at once",
            help="ask for a bracket (`--fast`), or fix some decisions",
        )
    total: Array = np.zeros((stage.num_targets, refinement, quotients), dtype=arithmetic.dtype)
    place, remainder = np.divmod(bundle.shift, refinement)
    limits = -(-lengths // refinement)[bundle.target]
    edges = zip(
        (bundle.target * refinement + remainder).tolist(),
        bundle.source.tolist(),
        place.tolist(),
        np.minimum(rows.shape[1], limits - place).tolist(),
        bundle.weight.tolist(),
        strict=True,
    )
    within = [edge for edge in edges if edge[3] > 0]
    sources, targets, add = list(rows), list(total.reshape(-1, quotients)), arithmetic.add
    for begin in range(0, rows.shape[1], BLOCK_BINS):
        for target, source, moved, length, weight in within:
            end = length if length < begin + BLOCK_BINS else begin + BLOCK_BINS
            if end > begin:
                add(targets[target][moved + begin : moved + end], sources[source][begin:end], weight)
    interleaved = total.transpose(0, 2, 1).reshape(stage.num_targets, refinement * quotients)
    return interleaved[:, :bins]


def sum_within(lattice: Lattice, layer: Layer, slacks: Sequence[int]) -> list[int]:
    """For each slack the sum over all paths within it, given the layer before the last stage.

    The last stage's own costs are not rounded. Integers; with residues, to be reduced by the caller.
    """
    stage = lattice.trellis.stages[-1]
    # A sum over many bins of 64 bits each is kept as two halves, so that it cannot overflow.
    low = np.cumsum(layer.rows & np.uint64(0xFFFFFFFF), axis=1)
    high = np.cumsum(layer.rows >> np.uint64(32), axis=1)
    found = []
    for slack in slacks:
        there, place = _places(lattice, layer, slack)
        weights = stage.weight[there].tolist()
        halves = zip(high[place].tolist(), low[place].tolist(), weights, strict=True)
        found.append(sum(((upper << 32) + lower) * weight for upper, lower, weight in halves) << layer.exponent)
    return found


def mass_within(lattice: Lattice, layer: Layer, slack: int) -> float:
    """Like `sum_within`, where weights are real."""
    there, place = _places(lattice, layer, slack)
    mass = float(np.cumsum(layer.rows, axis=1)[place] @ lattice.trellis.stages[-1].weight[there])
    return ldexp(mass, layer.exponent)


def _places(lattice: Lattice, layer: Layer, slack: int) -> tuple[Array, tuple[Array, Array]]:
    """The last stage's edges that fit, with the state and the last bin that fits for each."""
    stage = lattice.trellis.stages[-1]
    bins = np.minimum((slack - stage.cost) // lattice.widths[-2], layer.rows.shape[1] - 1)
    there = bins >= 0
    return there, (stage.source[there], bins[there])


def bins_for(trellis: Trellis, most_bins: int, most_work: int) -> int:
    """The number of bins within both limits; at least 64."""
    return max(64, min(most_bins, most_work // max(1, trellis.num_edges)))
