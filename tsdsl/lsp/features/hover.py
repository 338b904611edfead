"""Hover: the meaning of a name, its values, its share of the space and its cost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import prod

from tsdsl.analysis.questions.summary import operators_text
from tsdsl.lsp.facts import Facts, approximate
from tsdsl.lsp.features.hover_words import MAX_LISTED, Hover, hover_word, keyword_value, listed, nothing
from tsdsl.lsp.names.enclosing import enclosing, innermost
from tsdsl.lsp.names.names import Key, Occurrence
from tsdsl.lsp.snapshot import Snapshot
from tsdsl.lsp.wording import ATTRIBUTES, COSTS, KEYWORDS, NOTHING, attribute_line, operator_text
from tsdsl.operators.fusion import MERGE
from tsdsl.operators.head import HEAD_ATTRIBUTES
from tsdsl.operators.registry import ATTENTIONS, BLOCKS, FUSIONS, NONE
from tsdsl.operators.schema import Attribute, Operator
from tsdsl.space.parts import SHARED, Decision, Group
from tsdsl.space.resolve.parts.literals import shown
from tsdsl.space.resolve.parts.products import scaled
from tsdsl.space.resolve.selection.selectors import selects
from tsdsl.syntax import ast


def hover(snapshot: Snapshot, offset: int) -> Hover | None:
    """The description of the name, value, sign or word at an offset."""
    occurrence = snapshot.names.at(offset)
    if occurrence is None:
        return (
            _product(snapshot, offset)
            or hover_word(snapshot, offset)
            or _bare_word(snapshot, offset)
            or _number(snapshot, offset)
        )
    lines = _Describe(snapshot, enclosing(snapshot.file, occurrence.span.start)).occurrence(occurrence)
    return Hover(occurrence.span, "\n\n".join(lines)) if lines else None


def _product(snapshot: Snapshot, offset: int) -> Hover | None:
    """The results of a product, at one of its signs or numbers."""
    nodes = enclosing(snapshot.file, offset)
    product, attribute = innermost(nodes, ast.Scaled), innermost(nodes, ast.Attribute)
    if product is None or attribute is None:
        return None
    describe = _Describe(snapshot, nodes)
    facts, schema = describe.facts(), describe.schema(attribute.name)
    words = [factor.bare_name for factor in product.factors if isinstance(factor, ast.Selector)]
    decision = facts.space.decision_by_path.get(f"{SHARED}{words[0]}") if facts is not None else None
    if decision is None or not isinstance(schema, Attribute):
        return None
    number = prod(Fraction(factor.value) for factor in product.factors if isinstance(factor, ast.Number))
    setting = scaled(decision.path, Fraction(number), schema)
    results = [f"{shown(setting.of(value))} where `{words[0]}` is {shown(value)}" for value in decision.values]
    rule = ", each to the nearest integer, halves up" if setting.is_whole else ""
    text = snapshot.source.text[product.span.start : product.span.end]
    return Hover(product.span, f"`{text}`: {'; '.join(results[:MAX_LISTED])}{rule}")


def _bare_word(snapshot: Snapshot, offset: int) -> Hover | None:
    """A keyword as a value, or the title of a step."""
    nodes = enclosing(snapshot.file, offset)
    describe = _Describe(snapshot, nodes)
    step, text = innermost(nodes, ast.Step), innermost(nodes, ast.Text)
    if step is not None and text is not None and text is step.title:
        lines = describe.step(Key("step", describe.here, str(step.index.value)))
        return Hover(text.span, "\n\n".join(lines)) if lines else None
    selector, attribute = innermost(nodes, ast.Selector), innermost(nodes, ast.Attribute)
    name = selector.bare_name if selector is not None else None
    if selector is None or name is None:
        return None
    schema = describe.schema(attribute.name) if attribute is not None else None
    meaning = keyword_value(name, schema)
    return Hover(selector.span, meaning) if meaning else None


def _number(snapshot: Snapshot, offset: int) -> Hover | None:
    """The attribute that a number is a value of."""
    nodes = enclosing(snapshot.file, offset)
    number, attribute = nodes[-1], innermost(nodes, ast.Attribute)
    named = snapshot.names.at(attribute.name.span.start) if attribute is not None else None
    if not isinstance(number, ast.Number) or named is None:
        return None
    lines = _Describe(snapshot, enclosing(snapshot.file, named.span.start)).occurrence(named)
    return Hover(number.span, "\n\n".join(lines)) if lines else None


@dataclass(frozen=True)
class _Describe:
    """Describes names at a place enclosed by `nodes`."""

    snapshot: Snapshot
    nodes: tuple[object, ...]

    @property
    def here(self) -> str:
        """The enclosing space."""
        space = innermost(self.nodes, ast.Space)
        return space.name.text if space is not None else ""

    def occurrence(self, occurrence: Occurrence) -> list[str]:
        """Paragraphs about one occurrence."""
        kind, keys = occurrence.kind, occurrence.keys
        name = self.written(occurrence)
        if kind == "attribute" and name in COSTS and innermost(self.nodes, ast.Require) is not None:
            return self.cost(name)
        if kind == "attribute":
            return self.attribute(occurrence)
        if kind == "operator" and name == NONE:
            return [nothing(self.nodes)]
        if kind == "operator":
            found = BLOCKS.get(name) or FUSIONS.get(name) or ATTENTIONS.get(name)
            return [operator_text(found)] if found else []
        if kind == "group" and len(keys) == 1:
            return self.group(keys[0]) or [f"group `{keys[0].name}`: {KEYWORDS[kind]}"]
        if kind in ("domain", "shared", "block", "model"):
            return self.declaration(keys[0])
        if kind == "space":
            return self.space(keys[0])
        if kind == "step":
            return self.step(keys[0])
        if kind == "stream":
            return self.stream(keys[0])
        named = f" {listed([key.name for key in keys])}" if keys and kind != "head" else ""
        lines = [f"{kind}{named}: {KEYWORDS[kind]}"]
        return [*lines, *self.amounts(kind)] if kind in ("fusion", "attention", "head") else lines

    def amounts(self, part: str | None) -> list[str]:
        """The ranges of multiply-adds and parameters of a part."""
        facts = self.facts()
        costs = [facts.amount("macs", part), facts.amount("params", part)] if facts is not None else []
        known = [cost for cost in costs if cost is not None]
        whole = "the whole network" if part is None else f"all `{part}`" if part in NOTHING else f"`{part}`"
        return [f"{whole}: {', '.join(known)}"] if known else []

    def cost(self, name: str) -> list[str]:
        """`flops` or `params` in a constraint: its meaning and range."""
        selector = innermost(self.nodes, ast.Selector)
        words = [segment.word.text for segment in selector.segments] if selector is not None else [name]
        part = words[0] if len(words) == 2 else None
        facts = self.facts()
        amount = facts.amount("macs" if name == "flops" else "params", part) if facts is not None else None
        of = "of the whole network" if part is None else f"of `{part}`"
        lines = [f"`{'.'.join(words)}`: {COSTS[name]}, {of}"]
        return [*lines, f"from {amount.replace(' .. ', ' to ')} over all architectures"] if amount else lines

    def written(self, occurrence: Occurrence) -> str:
        return self.snapshot.source.text[occurrence.span.start : occurrence.span.end]

    def facts(self, key: Key | None = None) -> Facts | None:
        """The facts of the space that declares `key`, or of the enclosing space if it derives from that one."""
        chain = self.snapshot.names.chains.get(self.here, (self.here,))
        valid = self.snapshot.last_valid.get(self.here if key is None or key.space in chain else key.space)
        return valid.facts if valid is not None else None

    def attribute(self, occurrence: Occurrence) -> list[str]:
        """An attribute: its documentation and its decisions."""
        schema = self.schema(ast.Name(self.written(occurrence), occurrence.span))
        lines = []
        if isinstance(schema, Attribute):
            lines.append(f"`{schema.name}`: {schema.doc} ({attribute_line(schema)})")
        elif schema is not None:
            lines.append(f"`{self.written(occurrence)}`: {schema}")
        decided = self.selected() or [found for key in occurrence.keys if (found := self.decision(key)) is not None]
        if len(decided) == 1:
            facts, decision = decided[0]
            lines += self.one_decision(facts, decision)
            lines += self.group(Key("group", self.here, decision.path.rpartition(".")[0]))
        elif decided:
            lines.append(f"{len(decided)} decisions: {listed([decision.path for _, decision in decided])}")
        return lines

    def selected(self) -> list[tuple[Facts, Decision]]:
        """The decisions that the enclosing selector selects."""
        facts, selector = self.facts(), innermost(self.nodes, ast.Selector)
        if facts is None or selector is None or len(selector.segments) == 1:
            return []
        last = f".{selector.segments[-1].word.text}"
        return [(facts, d) for d in facts.space.decisions if d.path.endswith(last) and selects(selector, d.path)]

    def schema(self, name: ast.Name) -> Attribute | str | None:
        """The schema or documentation of an attribute at this place."""
        selector = innermost(self.nodes, ast.Selector)
        if selector is not None and len(selector.segments) > 1:
            return self.selected_schema(selector, name.text)
        call, blocks = innermost(self.nodes, ast.Call), innermost(self.nodes, ast.Blocks)
        if call is not None:
            operator = self.snapshot.operator_of(self.here, call.name.text)
            known = BLOCKS.get(operator) or FUSIONS.get(operator) or ATTENTIONS.get(operator)
            return _named(known, name.text)
        if blocks is not None:
            named = [BLOCKS.get(self.snapshot.operator_of(self.here, one)) for one in blocks.names]
            return next((found for one in named if (found := _named(one, name.text)) is not None), None)
        item = next((node for node in self.nodes if isinstance(node, ast.Item)), None)
        if isinstance(item, ast.Fusion) and name.text == MERGE.name:
            return MERGE
        if isinstance(item, ast.Head):
            return next((a for a in HEAD_ATTRIBUTES if a.name == name.text), None)
        if isinstance(item, ast.Attribute):
            return {**ATTRIBUTES["derived space"], **ATTRIBUTES["space"]}.get(name.text)
        return ATTRIBUTES.get(type(item).__name__.lower(), {}).get(name.text)

    def selected_schema(self, selector: ast.Selector, name: str) -> Attribute | str | None:
        """The schema or documentation of the last word of a selector, at the first part that it selects."""
        kind = selector.segments[0].word.text
        if kind in ("fusion", "attention") and name == "op":
            return ATTRIBUTES[kind]["op"]
        if kind == "fusion" and name == MERGE.name:
            return MERGE
        if kind in NOTHING:
            operators: Iterable[Operator] = (FUSIONS if kind == "fusion" else ATTENTIONS).values()
        else:
            facts = self.facts()
            streams = facts.space.streams if facts is not None else ()
            groups = [group for stream in streams for group in stream.groups]
            selected = [group for group in groups if selects(selector, f"{group.path}.{name}")]
            operators = [BLOCKS[one] for group in selected for one in group.operators if one != NONE]
            operators = operators or BLOCKS.values()
        return next((found for operator in operators if (found := _named(operator, name))), None)

    def decision(self, key: Key) -> tuple[Facts, Decision] | None:
        facts = self.facts(key)
        found = facts.space.decision_by_path.get(key.name) if facts is not None else None
        return (facts, found) if facts is not None and found is not None else None

    def one_decision(self, facts: Facts, decision: Decision) -> list[str]:
        """A decision: its path, values and share of the space."""
        values = ", ".join(shown(value) for value in decision.values[:MAX_LISTED])
        if len(decision.values) > MAX_LISTED:
            values += f", ... {decision.values[-1]}"
        exists = facts.existence(decision)
        share = float(exists)
        lines = [f"**{decision.path}**: {{{values}}}"]
        where = "all" if exists == 1 else f"{share:.3g} of the"
        each = float(exists / len(decision.values))
        lines.append(
            f"{len(decision.values)} values; exists in {where} {approximate(facts.space.cardinality)} architectures, "
            f"each value in {100 * each:.3g} %{' (ignoring constraints)' if facts.space.requires else ''}"
        )
        steps = [step for step in facts.space.steps if decision.path in step.decisions]
        lines += [f'made in step {step.index} "{step.title}"' for step in steps]
        return lines

    def group(self, key: Key) -> list[str]:
        """A group: its operator, output shape and cost."""
        facts = self.facts(key)
        group = _group(facts, key.name) if facts is not None else None
        if facts is None or group is None:
            return []
        return [
            f"group `{group.path}`: {operators_text(facts.space, group)}, "
            f"output {facts.shape(group.path)} (C x T x H x W), {facts.macs(group.path)}"
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
            *self.amounts(stream.name),
        ]

    def declaration(self, key: Key) -> list[str]:
        """A domain, block or model: its declaration and number of uses."""
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
        valid = self.snapshot.last_valid.get(key.name)
        if valid is None:
            return self.space_elsewhere(key)
        facts = valid.facts
        space = facts.space
        return [
            f"space `{space.name}`: {len(space.decisions)} decisions, {approximate(space.cardinality)} architectures",
            *([f"cost {macs}"] if (macs := facts.step_macs(None)) else []),
            f"fingerprint `{space.fingerprint}`",
        ]

    def space_elsewhere(self, key: Key) -> list[str]:
        """A space without known facts: the file that declares it, and its parts."""
        file = next((f for f in self.snapshot.imported_files if any(s.name.text == key.name for s in f.spaces)), None)
        if file is None:
            return [f"space `{key.name}`: {KEYWORDS['space']}"]
        space = next(space for space in file.spaces if space.name.text == key.name)
        source = space.span.source
        lines = [f"space `{key.name}` of {source.name if source is not None else ''}"]
        streams = [item.name.text for item in space.items if isinstance(item, ast.Stream)]
        models = [item.name.text for item in space.items if isinstance(item, ast.Model)]
        if space.base is not None:
            lines.append(f"from `{space.base.text}`")
        lines += [f"streams: {listed(streams)}"] if streams else []
        lines += [f"models: {listed(models)}"] if models else []
        return lines

    def step(self, key: Key) -> list[str]:
        facts = self.facts(key)
        step = next((s for s in facts.space.steps if str(s.index) == key.name), None) if facts is not None else None
        if facts is None or step is None:
            return [f"step {key.name}: {KEYWORDS['step']}"]
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


def _named(operator: Operator | None, name: str) -> Attribute | None:
    attributes = operator.attributes if operator is not None else ()
    return next((attribute for attribute in attributes if attribute.name == name), None)
