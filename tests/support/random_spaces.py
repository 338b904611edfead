"""Random syntax trees of spaces: such as have no mistake, and such as may have one in their shapes.

Both are drawn from a `random.Random`, so that a benchmark draws them by seed and hypothesis by its own
(`st.randoms(use_true_random=False)`).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from random import Random
from typing import TypeVar

from tsdsl.source import Span
from tsdsl.space.resolve.mentions import mentions
from tsdsl.syntax import ast

T = TypeVar("T")
NOWHERE = Span(0, 0)
STAGE_NAMES = ("slow", "fast", "flow")


def name(text: str) -> ast.Name:
    """A name."""
    return ast.Name(text, NOWHERE)


def number(value: int | str) -> ast.Number:
    """A number, written as the text says."""
    return ast.Number(Decimal(value), NOWHERE)


def word(text: str) -> ast.Selector:
    """A bare name as a value, or a path of names."""
    segments = tuple(ast.Segment(name(part), None, NOWHERE) for part in text.split("."))
    return ast.Selector(segments, NOWHERE)


def at(stages: Sequence[tuple[int, int]], groups: Sequence[tuple[int, int]], stream: str = "") -> ast.Selector:
    """`stage[a..b].group[c..d]`; no groups: `group[*]`."""
    segments = [ast.Segment(name(stream), None, NOWHERE)] if stream else []
    for what, ranges in (("stage", stages), ("group", groups)):
        indices = tuple((number(low), number(high)) for low, high in ranges)
        segments.append(ast.Segment(name(what), indices, NOWHERE))
    return ast.Selector(tuple(segments), NOWHERE)


def given(key: str, value: ast.Expression) -> ast.Attribute:
    """`key = value`."""
    return ast.Attribute(name(key), value, NOWHERE)


def call(operator: str, *arguments: ast.Attribute) -> ast.Call:
    """`operator(arguments)`."""
    return ast.Call(name(operator), arguments, False, NOWHERE)


def choice(items: Sequence[ast.Expression]) -> ast.Expression:
    """The items as a choice; a single one alone."""
    return items[0] if len(items) == 1 else ast.Choice(tuple(items), NOWHERE)


def several(draw: Random, values: Sequence[T], most: int) -> list[T]:
    """One to `most` of the values, without repetition."""
    return draw.sample(list(values), draw.randint(1, min(most, len(values))))


def numbers(draw: Random, values: Sequence[str], most: int = 2) -> ast.Expression:
    """One number or a choice of several."""
    return choice([number(value) for value in several(draw, values, most)])


class Written:
    """Draws one space; `loose` lets shapes be wrong. Names of declared domains are used at once."""

    def __init__(self, draw: Random, loose: bool, most_choices: int) -> None:
        self.draw, self.loose, self.left = draw, loose, most_choices
        self.items: list[ast.Item] = []
        self.domains = 0
        self.has_each = False

    def few(self, values: Sequence[str], most: int = 2) -> ast.Expression:
        """A choice while any may be made, else one value; now and then as a range or under a name."""
        found = numbers(self.draw, values, most if self.left > 0 else 1)
        if isinstance(found, ast.Choice):
            self.left -= 1
            if self.draw.random() < 0.2:
                self.domains += 1
                self.items.append(ast.Domain(name(f"values{self.domains}"), found, NOWHERE))
                return word(f"values{self.domains}")
        return found

    def channels(self) -> ast.Expression:
        """Widths, as a choice or a range, or as what several groups share."""
        if not self.loose and self.draw.random() < 0.1:
            if not any(isinstance(item, ast.Shared) for item in self.items):
                values = choice([number(value) for value in self.draw.sample([4, 8, 12, 16], 2)])
                self.items.append(ast.Shared(name("width"), values, NOWHERE))
            if self.draw.random() < 0.5:
                return ast.Scaled((number(self.draw.choice(["0.75", "2"])), word("width")), NOWHERE)
            return word("width")
        if self.left > 0 and not self.loose and self.draw.random() < 0.2:
            self.left -= 1
            low = self.draw.randint(1, 4)
            return ast.Range(number(4 * low), number(4 * low + 8), number(4), NOWHERE)
        return self.few(["1", "2", "4", "6"] if self.loose else ["4", "8", "12", "16"])

    def group(self, stride: int, frame_stride: int) -> ast.Group:
        """One group of a random operator."""
        repeat, each = self.depth(), False
        if isinstance(repeat, ast.Number) and repeat.value > 1 and not self.loose and self.draw.random() < 0.3:
            each = self.has_each = True
        strides = [given("stride", self.stride(stride))] if stride > 1 or self.draw.random() < 0.2 else []
        if frame_stride > 1:
            strides.append(given("frame_stride", self.stride(frame_stride)))
        if frame_stride > 1 or self.draw.random() < 0.5:
            kernels = [ast.KernelSize(text, NOWHERE) for text in ("1x1x1", "1x3x3", "3x1x1", "3x3x3")]
            kernel = choice(several(self.draw, kernels, 2 if self.left > 0 else 1))
            self.left -= isinstance(kernel, ast.Choice)
            arguments = [given("kernel", kernel), given("channels", self.channels()), *strides]
            self.draw.shuffle(arguments)
            return ast.Group(call("conv3d", *arguments), repeat, each, NOWHERE)
        arguments = [
            given("t", self.few(["1", "3"])),
            given("k", self.few(["3", "5"])),
            # Where nothing may be told of the space, the expansions must not round to the same width (TS410).
            given("expansion", self.few(["0.5", "1", "1.5", "2.25"] if self.loose else ["1", "4", "8"])),
            given("channels", self.channels()),
            *strides,
        ]
        if self.draw.random() < 0.3:
            arguments.append(given("act", word("swish")))
        if self.draw.random() < 0.3:
            arguments.append(given("expand_from", word("output")))
        if self.draw.random() < 0.2:
            arguments.append(given("shortcut", word("projection")))
        if self.left > 0 and not self.loose and self.draw.random() < 0.3:
            common = [argument for argument in arguments if argument.name.text in ("channels", "stride")]
            own = [argument for argument in arguments if argument not in common]
            other = call("conv3d", given("kernel", ast.KernelSize("1x3x3", NOWHERE)))
            items: list[ast.Expression] = [call("mbconv3d", *own), other]
            self.left -= 1
            if stride == 1 and self.draw.random() < 0.5:
                items[1] = word("none")
            self.draw.shuffle(items)
            blocks = ast.Blocks(ast.Choice(tuple(items), NOWHERE), tuple(common), False, NOWHERE)
            return ast.Group(blocks, repeat, each, NOWHERE)
        return ast.Group(call("mbconv3d", *arguments), repeat, each, NOWHERE)

    def stride(self, stride: int) -> ast.Expression:
        """A stride, or where shapes may be wrong also a choice of some."""
        return self.few(["1", "2"]) if self.loose and self.draw.random() < 0.3 else number(stride)

    def depth(self) -> ast.Expression | None:
        """The number of blocks: not written, a number, a range, or a choice."""
        if self.draw.random() < 0.6:
            return None
        if self.loose or self.left <= 0 or self.draw.random() < 0.5:
            return number(self.draw.randint(1, 2))
        self.left -= 1
        if self.draw.random() < 0.5:
            return ast.Range(number(1), number(self.draw.randint(2, 3)), None, NOWHERE)
        return choice([number(1), number(3)])

    def fusion_alternatives(self, merge: str) -> ast.Expression:
        """`none`, and others that fit the merge unless shapes may be wrong."""
        # An added branch is as wide as what it is added to, so that a choice of ratios would matter to nobody (TS410).
        ratios = numbers(self.draw, ["2"]) if merge != "concat" and not self.loose else self.few(["1", "4", "8"])
        options: list[ast.Expression] = [
            call("time_strided_conv", given("ratio", ratios)) if self.draw.random() < 0.4 else word("time_strided_conv")
        ]
        if merge == "concat" or self.loose:
            options += [word("time_strided_sample"), word("time_to_channel")]
        picked = several(self.draw, options, 2 if self.left > 0 else 1)
        self.left -= 1
        return ast.Choice((word("none"), *picked), NOWHERE) if self.left >= 0 else choice(picked[:1])

    def attention_alternatives(self) -> ast.Expression:
        """`none`, and units of attention."""
        pool = self.draw.choice([1, 2, 4, 8] if self.loose else [1, 2])
        ratio = self.few(["0.1", "0.5"] if self.loose else ["0.5", "1"])
        options: list[ast.Expression] = [
            word("se"),
            call("glore", given("nodes", self.few(["2", "4"]))),
            call("nonlocal", given("pool", number(pool)), given("ratio", ratio)),
        ]
        picked = several(self.draw, options, 2 if self.left > 0 else 1)
        self.left -= 1
        return ast.Choice((word("none"), *picked), NOWHERE) if self.left >= 0 else choice(picked[:1])

    def file(self) -> ast.File:
        """The whole file."""
        draw = self.draw
        streams = list(STAGE_NAMES[: draw.choice([1, 2, 2, 2, 3])])
        size = draw.choice([2, 4, 7, 9, 12] if self.loose else [8, 9, 16, 21])
        slowest = draw.choice([1, 2])
        shape = [draw.randint(1, 2) for _ in range(draw.randint(1, 3))]
        strides = [[draw.choice([1, 1, 2]) for _ in range(groups)] for groups in shape]
        for _ in range(6):
            if not self.loose and product(strides) > 4:
                strides = [[1 for _ in row] for row in strides]
        self.items += [given("classes", number(draw.randint(2, 9))), given("size", number(size))]
        drawn: list[ast.Item] = []
        for rank, stream in enumerate(streams):
            frames = slowest * 2**rank
            if self.loose and draw.random() < 0.15:
                frames = draw.choice([1, 2, 3, 4, 6])
            stages = []
            for index, row in enumerate(strides):
                groups = []
                for stride in row:
                    if self.loose and draw.random() < 0.08:
                        stride = draw.choice([1, 2, 4])
                    slowing = 2 if self.loose and draw.random() < 0.04 else 1
                    groups.append(self.group(stride, slowing))
                stages.append(ast.Stage(number(index), tuple(groups), False, NOWHERE))
            attributes = (given("frames", number(frames)),)
            drawn.append(ast.Stream(name(stream), attributes, tuple(stages), False, NOWHERE))
        self.items += drawn
        slots = self.slots(streams, shape)
        if draw.random() < 0.4:
            attributes = (given("features", number(draw.choice([4, 16]))), given("dropout", number("0.2")))
            self.items.append(ast.Head(attributes, False, NOWHERE))
        if not self.loose:
            self.items += self.steps(streams, slots)
            self.items += self.models()
        used = mentions(tuple(item for item in self.items if not isinstance(item, ast.Domain)))
        items = tuple(item for item in self.items if not isinstance(item, ast.Domain) or item.name.text in used)
        space = ast.Space(name("drawn"), None, items, False, NOWHERE)
        return ast.File(number(1), (), (), (space,), False, NOWHERE)

    def slots(self, streams: Sequence[str], shape: Sequence[int]) -> list[str]:
        """Fusions from faster to slower streams and attentions; the words that select them."""
        draw = self.draw
        found: list[str] = []
        places = [(stage, group + 1) for stage, groups in enumerate(shape) for group in range(groups)]
        for source, target in zip(streams[1:], streams, strict=False):
            if len(places) > 1 and draw.random() < 0.7:
                stage, group = draw.choice(places[:-1])
                merge = draw.choice(["concat", "sum"])
                attributes = (
                    given("after", at([(stage, stage)], [(group, group)])),
                    given("op", self.fusion_alternatives(merge)),
                    given("merge", word(merge)),
                )
                self.items.append(ast.Fusion(name(source), name(target), attributes, False, NOWHERE))
                found.append("fusion")
        if draw.random() < 0.5:
            stage, group = draw.choice(places)
            named = several(draw, streams, 2)
            attributes = (
                given("after", at([(stage, stage)], [(group, group)])),
                given("op", self.attention_alternatives()),
            )
            self.items.append(ast.Attention(tuple(name(one) for one in named), attributes, False, NOWHERE))
            found.append("attention")
        return list(dict.fromkeys(found))

    def steps(self, streams: Sequence[str], slots: Sequence[str]) -> list[ast.Item]:
        """Steps that decide everything, streams first."""
        if self.draw.random() < 0.4:
            return []
        parts = [[word(stream) for stream in streams], [word(slot) for slot in slots]]
        if self.draw.random() < 0.5:
            parts = [[*parts[0], *parts[1]]]
        found: list[ast.Item] = []
        for index, selectors in enumerate((part for part in parts if part), 1):
            listed: ast.Expression = selectors[0] if len(selectors) == 1 else ast.Sequence(tuple(selectors), NOWHERE)
            title = ast.Text(f"step {index}", NOWHERE) if self.draw.random() < 0.5 else None
            attributes = [given("search", listed)]
            if self.draw.random() < 0.5:
                attributes.append(given("epochs", number(self.draw.randint(1, 90))))
            found.append(ast.Step(number(index), title, tuple(attributes), False, NOWHERE))
        return found

    def models(self) -> list[ast.Item]:
        """A model, and one from it."""
        if self.draw.random() < 0.6:
            return []
        first = [given("size", number(self.draw.choice([16, 24])))]
        if not self.has_each:  # a depth would not multiply the blocks of such a group (TS412)
            first.append(given("depth", ast.Factor(Decimal(2), NOWHERE)))
        second = (given("width", ast.Factor(Decimal("1.5"), NOWHERE)),)
        return [
            ast.Model(name("S"), None, tuple(first), False, NOWHERE),
            ast.Model(name("L"), name("S"), second, False, NOWHERE),
        ]


def product(rows: Sequence[Sequence[int]]) -> int:
    """The product of all numbers."""
    result = 1
    for row in rows:
        for value in row:
            result *= value
    return result


def valid_space(draw: Random, most_choices: int = 12) -> ast.File:
    """A space without a mistake, of at most so many choices."""
    return Written(draw, False, most_choices).file()


def loose_space(draw: Random, most_choices: int = 3) -> ast.File:
    """A space whose text, names and values are right, and whose shapes may be wrong."""
    return Written(draw, True, most_choices).file()
