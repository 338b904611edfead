"""A space with the facts about it as methods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from tsdsl.errors import UsageError
from tsdsl.library.windows import Window, window_of
from tsdsl.records import dataclass
from tsdsl.space import model as data
from tsdsl.space.parts import Value

if TYPE_CHECKING:
    from tsdsl.library.architecture import Architecture
    from tsdsl.library.pictures import Picture
    from tsdsl.space import architecture as found

Quantity: TypeAlias = Literal["flops", "params", "activation_bytes"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """The least and the most of a quantity, and an architecture that reaches each.

    Where `is_exact` is false, constraints are too many, and an architecture beyond may be allowed.
    """

    least: int
    most: int
    cheapest: Architecture
    dearest: Architecture
    is_exact: bool


@dataclass(frozen=True, slots=True)
class Cost:
    """Multiply-adds of one clip, trainable parameters, and the most bytes of activations alive at once in float32."""

    flops: int
    params: int
    activation_bytes: int


@dataclass(frozen=True, slots=True)
class Within:
    """How many architectures are within a budget of multiply-adds, at least and at most, and the share of all.

    `never` has the values of each decision with which none is within it.
    """

    flops: int
    at_least: int
    at_most: int
    share: float
    never: Mapping[str, tuple[Value, ...]]

    @property
    def is_exact(self) -> bool:
        """Whether the count is exact."""
        return self.at_least == self.at_most


class Space(data.Space):
    """A search space: frozen data, and exact facts as methods. `tsdsl.load` reads one.

    FLOPs are multiply-adds of one clip at the space's size. A `within` is a number such as 1_400_000_000, `1.4GFLOPs`,
    or a window `1.2G..1.4G`. With `step`, a fact is about the architectures up to that step.
    """

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, data.Space):
            return NotImplemented
        return all(getattr(self, field.name) == getattr(other, field.name) for field in fields(self))

    __hash__ = data.Space.__hash__

    @classmethod
    def of(cls, space: data.Space) -> Space:
        """The same space with the facts about it."""
        if isinstance(space, cls):
            return space
        return cls(**{field.name: getattr(space, field.name) for field in fields(space)})

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Space:
        """The space that `to_dict` gave, perhaps by way of JSON, checked as strictly as a text.

        Raises:
            ValueError: the language cannot say such a space; the message names the place in `content`.
        """
        from tsdsl.check.stored import space_from_dict

        return cls.of(space_from_dict(content))

    def count(self, within: Window | None = None, *, step: int | None = None) -> int:
        """The exact number of architectures, or of those within a window of FLOPs; constraints count.

        Examples:
            >>> import tsdsl
            >>> tsdsl.load("std:tiny").count(within="8MFLOPs", step=1)
            26611

        Raises:
            RunError: the decisions are too entangled for an exact count; `within` gives a bracket.
        """
        from tsdsl.analysis.questions.counting import counts
        from tsdsl.analysis.tables.cost_table import CostTable
        from tsdsl.analysis.tables.free_space import FreeSpace
        from tsdsl.network.layout import Blueprint

        self._demand_step(step)
        if within is None and step is None and not self.requires:
            return self.cardinality
        counted = counts(FreeSpace(CostTable(Blueprint(self), step)))
        least, most = (None, None) if within is None else window_of(within)
        return counted.within(least, most)

    def bounds(self, quantity: Quantity = "flops", *, step: int | None = None) -> Bounds:
        """The exact least and most of a quantity over all architectures, each with an architecture that reaches it.

        Examples:
            >>> import tsdsl
            >>> found = tsdsl.load("std:tiny").bounds()
            >>> found.least, found.most, found.cheapest.flops
            (7432320, 41354272, 7432320)

        Raises:
            RunError: the decisions are too entangled for an exact answer.
        """
        from tsdsl.analysis.questions.bounds import bound
        from tsdsl.analysis.questions.peaks import peak_extreme
        from tsdsl.analysis.tables.cost_table import CostTable
        from tsdsl.analysis.tables.free_space import FreeSpace
        from tsdsl.network.layout import Blueprint

        self._demand_step(step)
        table = CostTable(Blueprint(self), step)
        if quantity == "activation_bytes":
            free = FreeSpace(table)
            least, most = peak_extreme(free, "min"), peak_extreme(free, "max")
        else:
            name: Literal["macs", "params"] = "macs" if quantity == "flops" else "params"
            least, most = bound(table, name, "min"), bound(table, name, "max")
        cheapest, dearest = (self._described(end.witness, step) for end in (least, most))
        return Bounds(least.value, most.value, cheapest, dearest, least.is_exact and most.is_exact)

    def sample(
        self, count: int = 1, *, within: Window | None = None, seed: int = 0, step: int | None = None
    ) -> Iterator[Architecture]:
        """`count` architectures, exactly uniform over all or those within a window of FLOPs.

        Examples:
            >>> import tsdsl
            >>> [one.flops for one in tsdsl.load("std:tiny").sample(2, within="9M..10M")]
            [9936000, 9827200]

        Raises:
            UsageError: no architecture is in the window; the message has the true bounds.
        """
        from tsdsl.analysis.questions.sampling import sample_architectures
        from tsdsl.library.architecture import Architecture

        self._demand_step(step)
        least, most = (None, None) if within is None else window_of(within)
        drawn = sample_architectures(self, count, seed=seed, least_macs=least, most_macs=most, step=step)
        return (Architecture.of(one, self) for one in drawn)

    def architecture(
        self, decisions: found.Architecture | Mapping[str, Value] | str | Path, *, step: int | None = None
    ) -> Architecture:
        """The architecture with these decisions, or that of a file or a run, with its costs.

        Examples:
            >>> import tsdsl
            >>> tsdsl.load("std:x3d").architecture({})
            <Architecture of x3d: 0 decisions, 291.1 MFLOPs, 1.522 Mparams>

        Raises:
            UsageError: it is not an architecture of this space; the message says why.
            FileError: the file cannot be read, or is of another space.
        """
        from tsdsl.space import architecture as found

        if isinstance(decisions, str | Path):
            from tsdsl.artifacts.locate import newest_architecture

            path = Path(decisions)
            decisions = found.read_architecture(newest_architecture(path) if path.is_dir() else path, self)
        if not isinstance(decisions, found.Architecture):
            decisions = found.Architecture(
                space=self.name, fingerprint=self.fingerprint, decisions=decisions, step=step
            )
        wrong = found.problems(self, decisions)
        if wrong:
            raise UsageError(f"this is not an architecture of {self.name}: {wrong[0]}", help="sample or search one")
        return self._described(decisions.decisions, decisions.step, decisions)

    def cost(self, architecture: found.Architecture | Mapping[str, Value], *, model: str | None = None) -> Cost:
        """What one architecture costs, at the scale of one of the space's models if given.

        Examples:
            >>> import tsdsl
            >>> space = tsdsl.load("std:x3d")
            >>> space.cost(space.architecture({}), model="M").params
            3794274
        """
        from tsdsl.analysis.questions.summary import network_report
        from tsdsl.artifacts.locate import find_scale
        from tsdsl.network.layout import Blueprint

        found = self.architecture(architecture)
        network = Blueprint(self, scale=find_scale(self, model)).network(found.decisions, found.step)
        report = network_report(network)
        return Cost(report["flops"], report["params"], report["activation_bytes"])

    def within(self, flops: Window, *, step: int | None = None, fast: bool = False) -> Within:
        """What a budget leaves: how many architectures, and which values never; a bracket where asked to be `fast`.

        Examples:
            >>> import tsdsl
            >>> tsdsl.load("std:tiny").within("8MFLOPs", step=1).is_exact
            True
        """
        from tsdsl.analysis.questions.summary import budget_report
        from tsdsl.network.layout import Blueprint

        self._demand_step(step)
        least, most = window_of(flops)
        if least or most is None:
            raise UsageError(f"within must be a budget, got the window `{flops}`", help="count counts windows")
        report = budget_report(Blueprint(self), step, most, fast=fast)
        never = {path: tuple(values) for path, values in report["dead_choices"].items()}
        return Within(most, int(report["at_least"]), int(report["at_most"]), report["share"], never)

    def render(
        self, detail: Literal["stage", "group", "block"] = "group", *, theme: Literal["light", "dark"] = "light"
    ) -> Picture:
        """Its drawing: streams, stages and groups with their choices. Notebooks show it; `save` writes a file."""
        from tsdsl.drawing import draw_space
        from tsdsl.drawing.graph_parts import Detail
        from tsdsl.drawing.theme import THEMES
        from tsdsl.library.pictures import Picture

        return Picture(draw_space(self, Detail(detail), THEMES[theme]), f"the space {self.name}")

    def _repr_html_(self) -> str:
        """Its sizes, costs, steps and drawing, for notebooks."""
        from tsdsl.library.html import space_html

        return space_html(self)

    def _demand_step(self, step: int | None) -> None:
        if step is not None and all(known.index != step for known in self.steps):
            known = ", ".join(str(one.index) for one in self.steps) or "none"
            raise UsageError(f"space {self.name} has no step {step}", help=f"steps are: {known}")

    def _described(
        self, decisions: Mapping[str, Value], step: int | None, record: found.Architecture | None = None
    ) -> Architecture:
        """An architecture with its costs; the rest is that of its record."""
        from tsdsl.library.architecture import Architecture
        from tsdsl.network.cost import network_cost, plain
        from tsdsl.network.layout import Blueprint
        from tsdsl.space import architecture as found

        macs, params, _ = plain(network_cost(Blueprint(self).network(decisions, step)))
        if record is None:
            record = found.Architecture(space=self.name, fingerprint=self.fingerprint, decisions=decisions, step=step)
        return Architecture.of(record.model_copy(update={"flops": macs, "params": params}), self)
