"""What the blocks of a group may be: `{mb(...), bottleneck3d(...), none}(...)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from tsdsl.diagnostics.suggest import meant, similar
from tsdsl.operators.registry import BLOCKS, NONE
from tsdsl.operators.schema import Attribute, BlockOperator
from tsdsl.operators.strides import STRIDES
from tsdsl.records import dataclass
from tsdsl.source import Span
from tsdsl.space.parts import BlockAlternative, BlockChoice, Parent, Setting
from tsdsl.space.resolve.context import Context
from tsdsl.space.resolve.parts.alternatives import Named, named_alternatives, pinned_alternatives
from tsdsl.space.resolve.parts.settings import Given, given_attributes, settings_at
from tsdsl.space.resolve.parts.values import listed_values
from tsdsl.space.resolve.selection.overrides import overridden
from tsdsl.syntax import ast


class Called(NamedTuple):
    """The operator that a name means, what its block alias gives, whether the name is a guess, or the alias broken."""

    operator: BlockOperator
    inherited: tuple[ast.Attribute, ...] = ()
    is_guess: bool = False
    is_broken: bool = False


def called_operator(context: Context, name: ast.Name) -> Called | None:
    """The operator or block of this name; None with diagnostics."""
    alias = context.blocks.get(name.text)
    if alias is not None:
        context.block_uses[alias.name.text] += 1
        operator = BLOCKS.get(alias.call.name.text)
        return Called(operator, alias.call.arguments, is_broken=alias.call.broken) if operator is not None else None
    operator = BLOCKS.get(name.text)
    if operator is not None:
        return Called(operator)
    known = [*BLOCKS, *context.blocks]
    if not context.lacks_declarations or similar(name.text, known):
        help_text = f"the operators are {', '.join(f'`{name}`' for name in BLOCKS)}"
        context.unknown_name(name, "operator or block", known, help=help_text)
    operator = BLOCKS.get(meant(name.text, BLOCKS))
    return Called(operator, is_guess=True) if operator is not None else None


@dataclass(frozen=True, slots=True)
class _Written:
    """An alternative: its operator and the attributes that it is given, or None for `none`."""

    operator: BlockOperator
    given: Given

    def reads(self, name: str) -> bool:
        """Whether it has an attribute, and takes that of the group."""
        return name not in self.given and any(attribute.name == name for attribute in self.operator.attributes)


@dataclass(frozen=True, slots=True)
class Left:
    """The alternatives at a place by name, as overrides leave them, and where they are written."""

    alternatives: tuple[tuple[str, _Written | None], ...]
    span: Span

    @property
    def may_be_absent(self) -> bool:
        """Whether `none` is among them."""
        return any(written is None for _, written in self.alternatives)

    @property
    def is_always_absent(self) -> bool:
        """Whether only `none` is left of them, so that nothing of the group is decided."""
        return all(written is None for _, written in self.alternatives)


@dataclass(frozen=True, slots=True)
class Decided:
    """The alternatives at a place by name, the decision between them, and where a block is there, if not everywhere."""

    alternatives: tuple[tuple[str, _Written | None], ...]
    decision: str | None
    where_present: Parent | None


@dataclass(frozen=True)
class ChoiceOfBlocks:
    """What is written in braces, and the attributes of all alternatives behind them, by the schema of the first."""

    choice: ast.Choice
    common: Given
    schema: Mapping[str, Attribute]

    def left(self, context: Context, path: str, *, is_first: bool = False) -> Left | None:
        """The alternatives that may be at a place; with `is_first` none of them is `none`. None with diagnostics."""
        own = f"{path}.op"
        written = overridden(context, own, self.choice)
        expression = written.expression or self.choice
        found = _alternatives(context, expression, self.common)
        if found is None:
            return None
        for pin in written.pins:
            found = pinned_alternatives(context, pin, found, own)
        if is_first:
            found = [(name, one) for name, one in found if one is not None]
        span = (written.pins[-1] if written.pins else expression).span
        if not found:
            context.report(
                "TS203",
                span,
                "the first block must not be `none`, as it brings the group's channels and stride",
                help="list an operator",
            )
            return None
        return Left(tuple(found), span)

    def decided(self, context: Context, path: str, left: Left, parent: Parent | None) -> Decided:
        """The alternatives at a place with the decision between them, which exists where the parent says."""
        own = f"{path}.op"
        context.origins[own] = left.span
        names = tuple(name for name, _ in left.alternatives)
        decision = own if len(names) > 1 else None
        if decision is not None:
            context.decide(decision, names, left.span, parent)
        real = tuple(name for name, one in left.alternatives if one is not None)
        where = None
        if decision is not None and 0 < len(real) < len(names):
            where = Parent(path=decision, value=real[0], others=real[1:])
        return Decided(left.alternatives, decision, where)

    def settings_of_all(
        self, context: Context, path: str, attributes: Sequence[Attribute], made: Decided, parent: Parent | None
    ) -> dict[str, Setting]:
        """What is written behind the braces; a choice there is decided with the alternatives that read it."""
        left = {
            attribute.name for _, one in made.alternatives if one is not None for attribute in one.operator.attributes
        }
        attributes = [attribute for attribute in attributes if attribute.name in left]
        parents = {}
        for attribute in attributes if made.decision is not None else ():
            reading = tuple(name for name, one in made.alternatives if one is not None and one.reads(attribute.name))
            if 0 < len(reading) < len(made.alternatives):
                parents[attribute.name] = Parent(path=str(made.decision), value=reading[0], others=reading[1:])
        return settings_at(context, attributes, self.common, path, parent, parents=parents)

    def with_settings(
        self,
        context: Context,
        path: str,
        made: Decided,
        parent: Parent | None,
        of_block: Mapping[str, Setting] | None = None,
        *,
        is_first: bool = True,
    ) -> BlockChoice:
        """The alternatives with their own settings, and with those `of_block` that their operators have.

        Only the first block of a group has strides.
        """
        found = []
        for name, one in made.alternatives:
            if one is None:
                found.append(BlockAlternative(name=name, operator=NONE))
                continue
            own_parent = Parent(path=made.decision, value=name) if made.decision is not None else parent
            schema = [a for a in one.operator.attributes if a.name in one.given or a.name not in self.common]
            schema = [a for a in schema if is_first or a.name not in STRIDES]
            settings = settings_at(context, schema, one.given, f"{path}.op.{name}", own_parent)
            known = {attribute.name for attribute in one.operator.attributes}
            shared = {key: value for key, value in (of_block or {}).items() if key in known}
            found.append(BlockAlternative(name=name, operator=one.operator.name, attributes={**shared, **settings}))
        return BlockChoice(alternatives=tuple(found), decision=made.decision)


def resolve_choice(context: Context, blocks: ast.Blocks) -> ChoiceOfBlocks | None:
    """What is written in braces and behind them, checked against every operator there; None with diagnostics."""
    named = _named(context, blocks.choice)
    called = [called_operator(context, one.name) for one in named or () if one.name.text != NONE]
    if named is None or any(one is None for one in called) or blocks.broken:
        return None
    operators = list(dict.fromkeys(one.operator for one in called if one is not None))
    if not operators:
        context.report("TS203", blocks.choice.span, "a group needs an operator besides `none`", help="list an operator")
        return None
    schema: dict[str, Attribute] = {}
    for attribute in (attribute for operator in operators for attribute in operator.attributes):
        schema.setdefault(attribute.name, attribute)
    before = len(context.diagnostics)
    common: Given = context.attributes(blocks.arguments, list(schema), "the group")
    common = {name: attribute for name, attribute in common.items() if name in schema}
    for name, written in common.items():
        for other in (a for operator in operators for a in operator.attributes if a.name == name):
            if replace(other, doc="", default=None) != replace(schema[name], doc="", default=None):
                listed_values(context, other, written.value)
    if len(context.diagnostics) > before:
        return None
    return ChoiceOfBlocks(blocks.choice, common, schema)


def _named(context: Context, expression: ast.Expression) -> list[Named] | None:
    return named_alternatives(context, expression, {**BLOCKS, **context.blocks}, "operator or block")


def _alternatives(
    context: Context, expression: ast.Expression, common: Given
) -> list[tuple[str, _Written | None]] | None:
    named = _named(context, expression)
    found: list[tuple[str, _Written | None]] = []
    for one in named or ():
        if one.name.text == NONE:
            found.append((NONE, None))
            continue
        called = called_operator(context, one.name)
        if called is None:
            return None
        call = one.call or ast.Call(one.name, (), False, one.name.span)
        call = replace(call, broken=call.broken or called.is_broken)
        schema = called.operator.attributes
        given = given_attributes(
            context, called.operator.name, schema, call, inherited=called.inherited, elsewhere=common
        )
        if given is None:
            return None
        found.append((one.name.text, _Written(called.operator, given)))
    return found if named is not None else None
