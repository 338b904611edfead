"""Hover: what a name stands for, what it may be, its share of the space and what it costs."""

from __future__ import annotations

from dataclasses import dataclass

from tsdsl.lsp.facts import Facts, approximate
from tsdsl.lsp.names import Key, Occurrence
from tsdsl.lsp.snapshot import Snapshot
from tsdsl.lsp.wording import ATTRIBUTES, KEYWORDS, attribute_line, operator_text
from tsdsl.operators.head import HEAD_ATTRIBUTES
from tsdsl.operators.registry import ATTENTIONS, BLOCKS, FUSIONS
from tsdsl.operators.schema import Attribute
from tsdsl.source import Span
from tsdsl.space.model import Decision, Group
from tsdsl.syntax import ast

MOST_LISTED = 12


@dataclass(frozen=True, slots=True)
class Hover:
    """Markdown for the text that `span` covers."""

    span: Span
    markdown: str


def hover(snapshot: Snapshot, offset: int) -> Hover | None:
    """What is known of the name at an offset, or of the value of the attribute there."""
    occurrence = snapshot.names.at(offset)
    if occurrence is None:
        return _keyword(snapshot, offset)
    lines = _Describe(snapshot).occurrence(occurrence)
    return Hover(occurrence.span, "\n\n".join(lines)) if lines else None


def _keyword(snapshot: Snapshot, offset: int) -> Hover | None:
    for token in snapshot.tokens:
        start = token.start_pos or 0
        if start <= offset < start + len(token.value) and token.type == str(token.value).upper():
            doc = KEYWORDS.get(str(token.value))
            return Hover(Span(start, start + len(token.value)), f"`{token.value}`: {doc}") if doc else None
    return None


@dataclass(frozen=True)
class _Describe:
    snapshot: Snapshot

    def occurrence(self, occurrence: Occurrence) -> list[str]:
        """Paragraphs about one occurrence."""
        kind, keys = occurrence.kind, occurrence.keys
        if kind == "attribute":
            return self.attribute(occurrence)
        if kind == "operator":
            name = self.written(occurrence)
            found = BLOCKS.get(name) or FUSIONS.get(name) or ATTENTIONS.get(name)
            return [operator_text(found)] if found else []
        if not keys:
            return []
        if kind == "group" and len(keys) == 1:
            return self.group(keys[0])
        if kind in ("domain", "shared", "block", "model"):
            return self.declaration(keys[0])
        if kind == "space":
            return self.space(keys[0])
        if kind == "step":
            return self.step(keys[0])
        if kind == "stream":
            return self.stream(keys[0])
        names = ", ".join(f"`{key.name}`" for key in keys[:MOST_LISTED])
        more = f" and {len(keys) - MOST_LISTED} more" if len(keys) > MOST_LISTED else ""
        return [f"{kind} {names}{more}: {KEYWORDS[kind]}"]

    def written(self, occurrence: Occurrence) -> str:
        return self.snapshot.source.text[occurrence.span.start : occurrence.span.end]

    def facts(self, key: Key) -> Facts | None:
        good = self.snapshot.good.get(key.space)
        return good.facts if good is not None else None

    def attribute(self, occurrence: Occurrence) -> list[str]:
        """An attribute: its documentation, then the decisions that it makes."""
        schema = self.schema(occurrence)
        lines = []
        if isinstance(schema, Attribute):
            lines.append(f"`{schema.name}`: {schema.doc} ({attribute_line(schema)})")
        elif schema is not None:
            lines.append(f"`{self.written(occurrence)}`: {schema}")
        decided = [found for key in occurrence.keys if (found := self.decision(key)) is not None]
        if len(decided) == 1:
            facts, decision = decided[0]
            lines += self.one_decision(facts, decision)
            group_key = Key("group", occurrence.keys[0].space, decision.path.rpartition(".")[0])
            lines += self.group(group_key)
        elif decided:
            paths = ", ".join(f"`{decision.path}`" for _, decision in decided[:MOST_LISTED])
            more = f" and {len(decided) - MOST_LISTED} more" if len(decided) > MOST_LISTED else ""
            lines.append(f"{len(decided)} decisions: {paths}{more}")
        return lines

    def schema(self, occurrence: Occurrence) -> Attribute | str | None:
        """What an attribute's name means where it stands."""
        name = self.written(occurrence)
        for space in self.snapshot.file.spaces:
            for item in space.items:
                if not item.span.start <= occurrence.span.start < item.span.end:
                    continue
                call = _call_at(item, occurrence.span.start)
                if call is not None:
                    operator = self.snapshot.operator_of(space.name.text, call.name.text)
                    known = BLOCKS.get(operator) or FUSIONS.get(operator) or ATTENTIONS.get(operator)
                    return next((a for a in known.attributes if a.name == name), None) if known else None
                if isinstance(item, ast.Head):
                    return next((a for a in HEAD_ATTRIBUTES if a.name == name), None)
                block = "space" if isinstance(item, ast.Attribute) else type(item).__name__.lower()
                return ATTRIBUTES.get(block, {}).get(name)
        return None

    def decision(self, key: Key) -> tuple[Facts, Decision] | None:
        facts = self.facts(key)
        found = facts.space.decision_by_path.get(key.name) if facts is not None else None
        return (facts, found) if facts is not None and found is not None else None

    def one_decision(self, facts: Facts, decision: Decision) -> list[str]:
        """A decision: its path and values, and how much of the space it makes out."""
        values = ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in decision.values[:MOST_LISTED])
        if len(decision.values) > MOST_LISTED:
            values += f", ... {decision.values[-1]}"
        exists = facts.existence(decision)
        share = float(exists)
        lines = [f"**{decision.path}**: {{{values}}}"]
        where = "all" if exists == 1 else f"{share:.3g} of the"
        each = float(exists / len(decision.values))
        lines.append(
            f"{len(decision.values)} values; exists in {where} {approximate(facts.space.cardinality)} architectures, "
            f"each value in {100 * each:.3g} %{' (constraints aside)' if facts.space.requires else ''}"
        )
        steps = [step for step in facts.space.steps if decision.path in step.decisions]
        lines += [f'made in step {step.index} "{step.title}"' for step in steps]
        return lines

    def group(self, key: Key) -> list[str]:
        """A group: its operator, its output's shape and its cost."""
        facts = self.facts(key)
        group = _group(facts, key.name) if facts is not None else None
        if facts is None or group is None:
            return []
        repeat = f" * {group.repeat}" if group.repeat > 1 else ""
        return [
            f"group `{group.path}`: {group.operator}{repeat}, output {facts.shape(group.path)} (C x T x H x W), "
            f"{facts.macs(group.path)}"
        ]

    def stream(self, key: Key) -> list[str]:
        facts = self.facts(key)
        stream = facts.space.stream_by_name.get(key.name) if facts is not None else None
        if facts is None or stream is None:
            return [f"stream `{key.name}`"]
        last = stream.groups[-1].path
        return [
            f"stream `{stream.name}`: {stream.frames} frames, {len(stream.groups)} groups",
            f"input 3 x {stream.frames} x {facts.space.size} x {facts.space.size}, output {facts.shape(last)}",
        ]

    def declaration(self, key: Key) -> list[str]:
        """A domain, block or model: as it is written, and how often it is used."""
        declared = self.snapshot.names.declarations([key])
        if not declared:
            return []
        span = declared[0].span
        text = (span.source or self.snapshot.source).text
        uses = len(self.snapshot.names.of([key])) - 1
        for item in self.snapshot.visible(key.space):
            if item.span.source == span.source and item.span.start <= span.start < item.span.end:
                written = text[item.span.start : item.span.end]
                times = f"used {uses} time{'' if uses == 1 else 's'}"
                return [f"```tsspace\n{written}\n```", KEYWORDS[key.kind], times]
        return []

    def space(self, key: Key) -> list[str]:
        facts = self.facts(key)
        if facts is None:
            return [f"space `{key.name}`"]
        space = facts.space
        return [
            f"space `{space.name}`: {len(space.decisions)} decisions, {approximate(space.cardinality)} architectures",
            *([f"cost {macs}"] if (macs := facts.step_macs(None)) else []),
            f"fingerprint `{space.fingerprint}`",
        ]

    def step(self, key: Key) -> list[str]:
        facts = self.facts(key)
        step = next((s for s in facts.space.steps if str(s.index) == key.name), None) if facts is not None else None
        if facts is None or step is None:
            return []
        macs = facts.step_macs(step.index)
        count = facts.space.count_architectures(step.decisions)
        made = f"{len(step.decisions)} decisions, {approximate(count)} ways to make them"
        return [
            f'step {step.index} "{step.title}": {made}',
            *([f"cost with all earlier steps {macs}"] if macs else []),
        ]


def _group(facts: Facts, path: str) -> Group | None:
    stream = facts.space.stream_by_name.get(path.partition(".")[0])
    return next((g for g in stream.groups if g.path == path), None) if stream is not None else None


def _call_at(item: ast.Item, offset: int) -> ast.Call | None:
    """The call of an item that an offset is in."""
    calls: list[ast.Call] = []
    if isinstance(item, ast.BlockAlias):
        calls = [item.call]
    elif isinstance(item, ast.Stream):
        calls = [group.call for stage in item.stages for group in stage.groups]
    elif isinstance(item, ast.Fusion | ast.Attention):
        for attribute in item.attributes:
            value = attribute.value
            parts = value.items if isinstance(value, ast.Choice) else (value,)
            calls += [part for part in parts if isinstance(part, ast.Call)]
    return next((c for c in calls if c.span.start <= offset < c.span.end), None)
