"""What is wrong with a resolved space and needs its widths or costs to be known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tsdsl.analysis.amounts import at_least, giga
from tsdsl.analysis.questions.least_by_value import least_by_value
from tsdsl.analysis.tables.cost_table import Bound, CostTable
from tsdsl.analysis.tables.elimination import UNREACHABLE
from tsdsl.analysis.tables.free_space import FreeSpace
from tsdsl.analysis.tables.group_costs import least_width
from tsdsl.check.lint_idle_decisions import lint_idle_decisions
from tsdsl.check.merge_duplicates import item_of
from tsdsl.diagnostics import Diagnostic, Label, replacement
from tsdsl.errors import RunError
from tsdsl.network.layout import Blueprint, Network, Node
from tsdsl.operators.layers import NonLocal, block_widths, walk
from tsdsl.operators.varying import Count, Varying, combine, differs, is_never, maximum, minimum
from tsdsl.source import SourceFile, Span
from tsdsl.space.parts import Step
from tsdsl.space.resolve import ResolvedSpace

MOST_CHOICES_SHOWN = 4


def lint(resolved: ResolvedSpace, source: SourceFile) -> list[Diagnostic]:
    """Widths that differ or round to nothing, maps too small to pool, budgets and choices that nobody meets."""
    blueprint = Blueprint(resolved.space)
    found: list[Diagnostic] = []
    try:
        network = blueprint.whole
        found += [
            *_sums(resolved, network, source),
            *_pools(resolved, network, source),
            *_widths(resolved, network, source),
        ]
        for model in resolved.space.models:
            if not found and model.width != 1:
                scaled = Blueprint(resolved.space, scale=model).whole
                found += _sums(resolved, scaled, source, f"with the rounded widths of model {model.name}, ")
        if found:
            return found
        found = _constraints(resolved, blueprint, source)
        return [*found, *lint_idle_decisions(resolved, blueprint, source)]
    except RunError as error:
        return [*found, _too_wide(resolved, error, source)]


def _constraints(resolved: ResolvedSpace, blueprint: Blueprint, source: SourceFile) -> list[Diagnostic]:
    """What is wrong with what `require` says, and with budgets."""
    if not resolved.space.requires:
        return list(_budgets(resolved, blueprint, source))
    from tsdsl.check.lint_dead_ends import lint_dead_ends  # much code that few spaces need
    from tsdsl.check.lint_requires import lint_requires

    found = lint_requires(resolved, blueprint, source)
    if not any(diagnostic.severity == "error" for diagnostic in found):
        found += _budgets(resolved, blueprint, source)
        found += lint_dead_ends(resolved, source)
    return found


def _too_wide(resolved: ResolvedSpace, error: RunError, source: SourceFile) -> Diagnostic:
    """That an exact fact would need a table beyond what is affordable."""
    return Diagnostic(
        "TS407",
        error.message,
        source,
        resolved.origins["space"],
        "too entangled for exact facts",
        help=error.help,
    )


def _sums(resolved: ResolvedSpace, network: Network, source: SourceFile, when: str = "") -> Iterator[Diagnostic]:
    for node in network.nodes:
        if node.merge != "sum":
            continue
        target = network.by_name[node.inputs[0]]
        for name in node.inputs[1:]:
            fused = network.by_name[name]
            wrong = differs(fused.shape.channels, target.shape.channels) * fused.condition
            if is_never(wrong):
                continue
            yield Diagnostic(
                "TS304",
                f"{when}at {node.part}, the width of `{name.rsplit('.', 1)[1]}` is not the receiver's",
                source,
                resolved.origins[node.part],
                "widths differ",
                _width_labels(resolved, target, fused),
                notes=_instance(resolved, wrong),
                help="use `merge = concat`, or `time_strided_conv`, which yields the receiver's width",
            )


def _width_labels(resolved: ResolvedSpace, target: Node, fused: Node) -> tuple[Label, ...]:
    """How many channels both sides have, where they come from."""
    ends = ((target.name, target, "the receiver has"), (fused.inputs[0], fused, f"`{fused.blocks[0].name}` makes"))
    return tuple(
        Label(resolved.origins[name], f"{words} {_range(node.shape.channels)} channels")
        for name, node, words in ends
        if name in resolved.origins
    )


def _range(count: Count) -> str:
    low, high = minimum(count), maximum(count)
    return str(low) if low == high else f"{low} to {high}"


def _pools(resolved: ResolvedSpace, network: Network, source: SourceFile) -> Iterator[Diagnostic]:
    for node in network.nodes:
        if node.kind != "attention":
            continue
        for layer in walk(tuple(layer for block in node.blocks for layer in block.layers)):
            if isinstance(layer, NonLocal) and layer.pool > min(node.shape_in.height, node.shape_in.width):
                yield Diagnostic(
                    "TS301",
                    f"a pool of {layer.pool} on a map of {node.shape_in.height} x {node.shape_in.width}",
                    source,
                    resolved.origins[node.part],
                    "takes the size below 1",
                    help="use a smaller `pool`",
                )


def _widths(resolved: ResolvedSpace, network: Network, source: SourceFile) -> Iterator[Diagnostic]:
    """Every layer has at least one channel, whatever is chosen (TS308); one report a part."""
    reported: set[Span] = set()
    for node in network.nodes:
        if node.layout is not None and least_width(node.layout) >= 1:
            continue
        for block in node.blocks:
            for width in block_widths(block):
                wrong = combine(np.less, width, 1)
                if is_never(wrong):
                    continue
                path = f"{node.part}.op.{block.name}" if node.kind in ("fusion", "attention") else node.name
                ratio = next((name for name in _RATIOS if f"{path}.{name}" in resolved.origins), None)
                span = resolved.origins.get(f"{path}.{ratio}") or resolved.origins.get(node.part)
                span = span or resolved.origins["space"]
                if span not in reported:
                    reported.add(span)
                    yield Diagnostic(
                        "TS308",
                        f"`{ratio}` leaves no channel in {path}" if ratio else f"no channel is left in {path}",
                        source,
                        span,
                        "rounds down to 0 channels",
                        notes=_instance(resolved, wrong),
                        help=f"use a larger `{ratio}`, or more channels" if ratio else "use more channels",
                    )
                break


_RATIOS = ("expansion", "ratio")


def _instance(resolved: ResolvedSpace, wrong: Count) -> tuple[str, ...]:
    """A note with choices under which something is wrong; none where it always is."""
    if not isinstance(wrong, Varying):
        return ()
    wrong = wrong.without_constant_axes()
    if not wrong.scope:
        return ()
    index = [int(i[0]) for i in (wrong.table > 0).nonzero()]
    by_path = resolved.space.decision_by_path
    chosen = [f"{axis.path} = {by_path[axis.path].values[i]}" for axis, i in zip(wrong.scope, index, strict=True)]
    return (f"for instance with {', '.join(chosen)}",)


def _budgets(resolved: ResolvedSpace, blueprint: Blueprint, source: SourceFile) -> Iterator[Diagnostic]:
    for step in resolved.space.steps:
        if step.target_macs is None:
            continue
        table = CostTable(blueprint, step.index)
        low, high = table.extremes("macs")
        is_exact = table.is_exact("macs")
        span = resolved.origins[f"step{step.index}.target"]
        if low > step.target_macs and is_exact:
            yield Diagnostic(
                "TS404",
                f"no architecture of step {step.index} has at most {giga(step.target_macs)}",
                source,
                span,
                f"the smallest has {giga(low)}",
                (Label(resolved.origins[f"step{step.index}"], f"from {giga(low)} to {giga(high)}"),),
                notes=(*_reached_by(table.bound("macs", "min"), "the smallest"), *_unconstrained(blueprint, step, low)),
                help=f"raise the target to at least {at_least(low)}, or widen the choices downwards",
                fixes=(replacement(f"raise the target to {at_least(low)}", span, at_least(low)),),
            )
        elif high <= step.target_macs and is_exact:
            middle = at_least((low + high) // 2)
            yield Diagnostic(
                "TS405",
                f"every architecture of step {step.index} is within {giga(step.target_macs)}",
                source,
                span,
                f"the largest has {giga(high)}",
                (Label(resolved.origins[f"step{step.index}"], f"from {giga(low)} to {giga(high)}"),),
                notes=_reached_by(table.bound("macs", "max"), "the largest"),
                help="lower the target if it is meant to decide anything",
                fixes=(replacement(f"lower the target to {middle}", span, middle),),
            )
        elif resolved.space.requires or not table.leaves_every_choice(step.target_macs):
            yield from _dead_choices(resolved, FreeSpace(table), step, source)


def _reached_by(bound: Bound, which: str) -> tuple[str, ...]:
    """A note with the architecture that reaches a bound, its first choices in full."""
    chosen = [
        f"{path} = {f'{value:g}' if isinstance(value, float) else value}" for path, value in bound.witness.items()
    ]
    more = f" and {len(chosen) - MOST_CHOICES_SHOWN} more choices" if len(chosen) > MOST_CHOICES_SHOWN else ""
    return (f"{which} has {', '.join(chosen[:MOST_CHOICES_SHOWN])}{more}",) if chosen else ()


def _unconstrained(blueprint: Blueprint, step: Step, low: int) -> Iterator[str]:
    """A note where it is the constraints that make the smallest architecture as large as it is."""
    if blueprint.space.requires:
        without = CostTable(Blueprint(replace(blueprint.space, requires=())), step.index)
        smallest, _ = without.extremes("macs")
        if smallest < low:
            yield f"but for what is required, the smallest would have {giga(smallest)}"


def _dead_choices(resolved: ResolvedSpace, free: FreeSpace, step: Step, source: SourceFile) -> Iterator[Diagnostic]:
    target = step.target_macs or 0
    least = least_by_value(free)
    for path in step.decisions:
        dead = [value for value, macs in least.get(path, {}).items() if target < macs < UNREACHABLE]
        parent = resolved.space.decision_by_path[path].parent
        # What is nested under a dead alternative is dead with it; that one is told.
        if not dead or (parent is not None and least.get(parent.path, {}).get(parent.value, 0) > target):
            continue
        needed = min(least[path][value] for value in dead)
        place = resolved.origins[path]
        if len(dead) == 1:
            place = item_of((place.source or source).text, place, dead[0])
        values = ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in dead)
        yield Diagnostic(
            "TS406",
            f"{path} = {values} is in no architecture of step {step.index} within {giga(target)}",
            source,
            place,
            f"takes at least {giga(needed)}",
            (Label(resolved.origins[f"step{step.index}.target"], "the target"),),
            help="leave the choice out, or raise the target",
        )
