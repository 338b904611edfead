"""Random files of two spaces, the second derived from the first: overrides, constraints, imports, all of them right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random

from support.random_spaces import NOWHERE, at, given, name, number, valid_space, word
from tsdsl.syntax import ast


@dataclass(frozen=True)
class Place:
    """An attribute of a group that is a choice of numbers, the numbers written out."""

    stream: str
    stage: int
    group: int
    attribute: str
    values: tuple[Decimal, ...]

    @property
    def selector(self) -> ast.Selector:
        """What names it."""
        found = at([(self.stage, self.stage)], [(self.group, self.group)], self.stream)
        return replace(found, segments=(*found.segments, *word(self.attribute).segments))


def choices(space: ast.Space) -> Iterator[Place]:
    """The choices of numbers that the groups of a space have, each attribute its own."""
    for stream in space.items:
        for stage in stream.stages if isinstance(stream, ast.Stream) else ():
            for index, group in enumerate(stage.groups, 1):
                if group.is_each:
                    continue  # a constraint would name the decisions of several blocks at once
                for attribute in group.call.arguments:
                    value = attribute.value
                    items = value.items if isinstance(value, ast.Choice) else ()
                    values = tuple(item.value for item in items if isinstance(item, ast.Number))
                    if len(values) > 1 and isinstance(stream, ast.Stream):
                        yield Place(stream.name.text, int(stage.index.value), index, attribute.name.text, values)


def derived(draw: Random, base: ast.Space) -> ast.Space:
    """A space that says what is different from a drawn one."""
    items: list[ast.Item] = []
    places = list(choices(base))
    draw.shuffle(places)
    if draw.random() < 0.5:
        items.append(given("classes", number(draw.randint(2, 9))))
    if draw.random() < 0.4 and any(isinstance(item, ast.Attention) for item in base.items):
        items.append(given("without", word("attention")))
    if places and draw.random() < 0.7:
        place = places.pop()
        items.append(ast.Override("fix", place.selector, ast.Number(draw.choice(place.values), NOWHERE), NOWHERE))
    widths = [place for place in places if place.attribute == "channels"]
    if widths and draw.random() < 0.7:
        place = widths[0]
        places.remove(place)
        if draw.random() < 0.3:
            items.append(ast.Shared(name("common"), _numbers(8, 16), NOWHERE))
            items.append(ast.Override("free", place.selector, word("common"), NOWHERE))
        else:
            items.append(ast.Override("free", place.selector, _numbers(4, 16, 20), NOWHERE))
    if places and draw.random() < 0.7:
        place = places.pop()
        relation, bound = draw.choice([("<=", min(place.values)), (">=", max(place.values))])
        items.append(
            ast.Require(
                ast.Comparison(_sum(place.selector), relation, _sum(ast.Number(bound, NOWHERE)), NOWHERE), NOWHERE
            )
        )
    if draw.random() < 0.4:
        items.append(ast.Head((given("dropout", number("0.3")),), False, NOWHERE))
    return ast.Space(name("changed"), name("drawn"), tuple(items), False, NOWHERE)


def valid_derivation(draw: Random) -> ast.File:
    """A file of a space and one that derives from it; a domain may stand outside of both."""
    file = valid_space(draw)
    (base,) = file.spaces
    declared = [item for item in base.items if isinstance(item, ast.Domain)]
    if draw.random() < 0.5:
        base = replace(base, items=tuple(item for item in base.items if item not in declared))
        file = replace(file, declarations=tuple(declared))
    return replace(file, spaces=(base, derived(draw, base)))


def in_two_files(file: ast.File) -> tuple[ast.File, ast.File]:
    """The derived space alone, which imports `base.tsspace`, and that file."""
    base, changed = file.spaces
    statement = ast.Import(ast.Text("base.tsspace", NOWHERE), NOWHERE)
    return replace(file, imports=(statement,), declarations=(), spaces=(changed,)), replace(file, spaces=(base,))


def _numbers(*values: int) -> ast.Choice:
    return ast.Choice(tuple(number(value) for value in values), NOWHERE)


def _sum(operand: ast.Operand) -> ast.Sum:
    return ast.Sum((ast.Product(1, (operand,), NOWHERE),), NOWHERE)
