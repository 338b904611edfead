"""Where the parts that published names number lie in one of our networks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tsdsl.lowering.published.families import Family
from tsdsl.network.layout import Network


@dataclass(frozen=True, slots=True)
class Places:
    """The dotted names of a network's blocks: for pathway p and stage s in order, and for the fusion after a stage."""

    streams: tuple[str, ...]
    blocks: Mapping[tuple[int, int], tuple[str, ...]]
    fusions: Mapping[int, str]

    @staticmethod
    def of(network: Network) -> Places:
        """The names of a network's blocks that have parameters."""
        streams = tuple(node.part for node in network.nodes if node.kind == "input")
        blocks: dict[tuple[int, int], tuple[str, ...]] = {}
        fusions: dict[int, str] = {}
        for node in network.nodes:
            stage = re.search(r"\.stage(\d+)\.", node.name)
            if stage is None:
                continue
            if node.kind == "group":
                place = (streams.index(node.part), int(stage[1]))
                blocks[place] = blocks.get(place, ()) + tuple(f"{node.name}.{block.name}" for block in node.blocks)
            elif node.kind == "fusion":
                fusions[int(stage[1])] = node.name
        return Places(streams, blocks, fusions)

    def names(self, family: Family, published: Iterable[str]) -> dict[str, str]:
        """Our name for each published name that a rule of the family matches, where there is such a place."""
        matches = [
            (name, match.groupdict(), template)
            for name in published
            for pattern, template in family.rules()
            if (match := re.fullmatch(pattern, name))
        ]
        # Pools without parameters may have numbers of their own between those of stages.
        numbers = sorted({int(found["stage"]) for _, found, _ in matches if "block" in found})
        stages = {str(family.first_stage): 0} | {str(number): index for index, number in enumerate(numbers, 1)}
        ours = ((name, self._name(template, found, stages)) for name, found, template in matches)
        return {name: own for name, own in ours if own is not None}

    def _name(self, template: str, found: Mapping[str, str], stages: Mapping[str, int]) -> str | None:
        """A rule's template with the names of the places that its pattern found; None if there is no such place."""
        pathway = int(found.get("pathway", 0))
        stage = stages.get(found.get("stage", ""), 0)
        fields = {"kind": found["kind"], "stream": self.streams[0]}
        blocks, stems = self.blocks.get((pathway, stage), ()), self.blocks.get((pathway, 0), ())
        if "block" in found and int(found["block"]) < len(blocks):
            fields["in_stage"] = blocks[int(found["block"])]
        if stage in self.fusions:
            fields["fusion"] = self.fusions[stage]
        if stems:
            fields["stem"] = stems[0]
        try:
            return template.format(**fields)
        except KeyError:
            return None
