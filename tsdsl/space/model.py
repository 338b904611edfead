"""The resolved search space as frozen data: what is made of its `parts`.

A `Space` holds no text and no torch. Everything later in the pipeline reads it and nothing changes
it. Paths such as `sparse.stage1.group2.channels` name its parts and its decisions alike.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tsdsl.records import dataclass
from tsdsl.units import counted

if TYPE_CHECKING:
    import networkx as nx

from tsdsl.space.parts import (
    HEAD,
    SHARED,
    AttentionSlot,
    Decision,
    FusionSlot,
    Head,
    Reference,
    Requirement,
    Scale,
    Slot,
    Step,
    Stream,
    Strict,
    Value,
    group_path,
)

RANKS_OF_AN_OWNER = 64


@dataclass(frozen=True, kw_only=True)
class Space(Strict):
    """A whole search space."""

    name: str
    classes: int
    size: int
    streams: tuple[Stream, ...]
    fusions: tuple[FusionSlot, ...] = ()
    attentions: tuple[AttentionSlot, ...] = ()
    head: Head
    decisions: tuple[Decision, ...] = ()
    steps: tuple[Step, ...] = ()
    models: tuple[Scale, ...] = ()
    requires: tuple[Requirement, ...] = ()

    def __repr__(self) -> str:
        """Its sizes on one line; `to_dict` has all of it. Architectures are counted before constraints."""
        size = counted(self.cardinality, "architecture")
        size += f" before {counted(len(self.requires), 'constraint')}" if self.requires else ""
        parts = (counted(len(self.streams), "stream"), counted(len(self.decisions), "decision"), size)
        return f"<Space {self.name}: {', '.join(parts)}, {counted(len(self.steps), 'step')}>"

    @cached_property
    def decision_by_path(self) -> Mapping[str, Decision]:
        """Every decision under its path."""
        return {decision.path: decision for decision in self.decisions}

    @cached_property
    def rank_by_path(self) -> Mapping[str, int]:
        """A number for every decision that grows in the order of the space.

        It leaves gaps, so that another decision of one group changes the numbers of no other.
        """
        ranks: dict[str, int] = {}
        owner, rank = "", 0
        for decision in self.decisions:
            path = decision.path
            own = path[: path.rfind(".")]
            if own != owner:
                owner, rank = own, (rank // RANKS_OF_AN_OWNER + 1) * RANKS_OF_AN_OWNER
            ranks[path] = rank
            rank += 1
        return ranks

    @cached_property
    def nesting(self) -> int:
        """The most decisions that stand under one another; 1 where none is nested."""
        depth: dict[str, int] = {}
        for decision in self.decisions:  # parents come before what is nested under them
            depth[decision.path] = depth[decision.parent.path] + 1 if decision.parent is not None else 1
        return max(depth.values(), default=1)

    @cached_property
    def stream_by_name(self) -> Mapping[str, Stream]:
        """Every stream under its name."""
        return {stream.name: stream for stream in self.streams}

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Fusion and attention slots, in that order."""
        return (*self.fusions, *self.attentions)

    @property
    def parts(self) -> tuple[str, ...]:
        """Everything that can be absent: streams by name, slots by path."""
        return (*(stream.name for stream in self.streams), *(slot.path for slot in self.slots))

    def step(self, index: int) -> Step:
        """The step with this number.

        Raises:
            KeyError: there is none; the message lists those there are.
        """
        for step in self.steps:
            if step.index == index:
                return step
        known = ", ".join(str(step.index) for step in self.steps) or "none"
        raise KeyError(f"space {self.name} has no step {index} (steps: {known})")

    def present_after(self, step: int | None) -> frozenset[str]:
        """The parts that are there once `step` is searched; None means the whole space."""
        if step is None:
            return frozenset(self.parts)
        named = {name for s in self.steps if s.index <= step for name in s.names}
        return self.consistent(named)

    def consistent(self, parts: set[str] | frozenset[str]) -> frozenset[str]:
        """`parts` without the slots whose streams are not among them."""
        kept = {stream.name for stream in self.streams if stream.name in parts}
        for fusion in self.fusions:
            if fusion.path in parts and {fusion.source, fusion.target} <= parts:
                kept.add(fusion.path)
        kept.update(a.path for a in self.attentions if a.path in parts and a.stream in parts)
        return frozenset(kept)

    def part_of(self, path: str) -> str:
        """The stream, slot or `head` that a decision which is not shared belongs to."""
        end = len(path)
        while end > 0:
            if path[:end] in self._slot_paths:
                return path[:end]
            end = path.rfind(".", 0, end)
        return path.split(".", 1)[0]

    def is_of(self, path: str, parts: Collection[str]) -> bool:
        """Whether a decision belongs to one of the parts; a shared one belongs to all that use it.

        The head is there with any part.
        """
        owners = self._parts_sharing[path] if path.startswith(SHARED) else {self.part_of(path)}
        return bool(parts) if HEAD in owners else not owners.isdisjoint(parts)

    @cached_property
    def _parts_sharing(self) -> Mapping[str, set[str]]:
        sharing: dict[str, set[str]] = {d.path: set() for d in self.decisions if d.path.startswith(SHARED)}
        standing = [(value, s.name) for s in self.streams for g in s.groups for value in g.settings.values()]
        standing += [(value, slot.path) for slot in self.slots for value in slot.settings.values()]
        standing += [(value, HEAD) for value in self.head.attributes.values()]
        for value, part in standing:
            if isinstance(value, Reference) and value.decision in sharing:
                sharing[value.decision].add(part)
        return sharing

    @cached_property
    def _slot_paths(self) -> frozenset[str]:
        return frozenset(slot.path for slot in self.slots)

    @cached_property
    def cardinality(self) -> int:
        """The exact number of architectures of the whole space."""
        return self.count_architectures(decision.path for decision in self.decisions)

    def count_architectures(self, paths: Iterator[str] | tuple[str, ...]) -> int:
        """The exact number of ways to make these decisions; a nested one counts only under its parent."""
        wanted = set(paths)
        children: dict[tuple[str, Value], list[Decision]] = {}
        roots = []
        for decision in self.decisions:
            if decision.path not in wanted:
                continue
            if decision.parent is not None and decision.parent.path in wanted:
                for value in decision.parent.values:
                    children.setdefault((decision.parent.path, value), []).append(decision)
            else:
                roots.append(decision)

        def ways(decision: Decision) -> int:
            total = 0
            for value in decision.values:
                product = 1
                for child in children.get((decision.path, value), ()):
                    product *= ways(child)
                total += product
            return total

        result = 1
        for root in roots:
            result *= ways(root)
        return result

    def to_dict(self) -> dict[str, Any]:
        """The space as what JSON can hold; `tsdsl.Space.from_dict` reads it."""
        return asdict(self)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of what an architecture of this space means, in 16 hexadecimal digits.

        It covers streams, groups, slots, head and decisions. It leaves out what does not change the
        meaning of a found architecture or its weights: the names of the space and of domains, comments,
        layout, the order in which choices are written, titles, targets and epochs of steps, and models.
        """
        data = self.to_dict()
        del data["name"], data["models"]
        for group in (g for stream in data["streams"] for stage in stream["stages"] for g in stage["groups"]):
            del group["is_repeated"]  # only models read it
            for name in ("choices", "is_each"):  # as before there were any
                if not group[name]:
                    del group[name]
            for choice in group.get("choices", ()):
                choice["alternatives"] = sorted(choice["alternatives"], key=lambda a: json.dumps(a, sort_keys=True))
        for decision in data["decisions"]:
            if (parent := decision["parent"]) is not None and (others := parent.pop("others")):
                parent["value"] = sorted(map(str, (parent["value"], *others)))
            decision["values"] = sorted(decision["values"], key=lambda v: (str(type(v)), v))
        for slot in (*data["fusions"], *data["attentions"]):
            slot["alternatives"] = sorted(slot["alternatives"], key=lambda a: json.dumps(a, sort_keys=True))
        data["steps"] = [
            {"index": step["index"], "decisions": sorted(step["decisions"]), "names": sorted(step["names"])}
            for step in data["steps"]
        ]
        data["requires"] = sorted(json.dumps(r, sort_keys=True) for r in _without_text(data.pop("requires")))
        if not data["requires"]:
            del data["requires"]
        text = json.dumps(data, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @cached_property
    def graph(self) -> nx.DiGraph[str]:
        """Groups and slots as nodes (attribute `part`), the flow of features as edges."""
        import networkx as nx  # a tenth of a second, which `check` need not spend

        graph: nx.DiGraph[str] = nx.DiGraph()
        for stream in self.streams:
            previous = None
            for group in stream.groups:
                graph.add_node(group.path, part=group)
                if previous is not None:
                    graph.add_edge(previous, group.path)
                previous = group.path
        follower = {
            group.path: after.path
            for stream in self.streams
            for group, after in zip(stream.groups, stream.groups[1:], strict=False)
        }
        for fusion in self.fusions:
            graph.add_node(fusion.path, part=fusion)
            graph.add_edge(group_path(fusion.source, fusion.stage, fusion.group), fusion.path)
            place = group_path(fusion.target, fusion.stage, fusion.group)
            if place in follower:
                graph.add_edge(fusion.path, follower[place])
        for attention in self.attentions:
            graph.add_node(attention.path, part=attention)
            place = group_path(attention.stream, attention.stage, attention.group)
            graph.add_edge(place, attention.path)
            if place in follower:
                graph.add_edge(attention.path, follower[place])
        return graph


def _without_text(requirements: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    kept = [{key: value for key, value in r.items() if key != "text"} for r in requirements]
    return [r | {"rules": _without_text(r["rules"])} if "rules" in r else r for r in kept]
