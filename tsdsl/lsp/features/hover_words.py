"""Hover on everything except names: imports, titles, values, units, signs and keywords."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tsdsl.lsp.names.enclosing import enclosing, innermost
from tsdsl.lsp.snapshot import Snapshot
from tsdsl.lsp.wording import ATTRIBUTES, FUNCTIONS, KEYWORDS, NOTHING, SIGNS, UNITS
from tsdsl.operators.registry import NONE
from tsdsl.operators.schema import Attribute
from tsdsl.source import Span
from tsdsl.source_files import STANDARD
from tsdsl.space.resolve.context import Context
from tsdsl.space.resolve.parts.literals import range_values, shown
from tsdsl.syntax import ast
from tsdsl.syntax.grammar.machine import Token

MAX_LISTED = 12
_SILENT = frozenset({"WS", "COMMENT", "BAD", "NUMBER", "SIGNED"})


@dataclass(frozen=True, slots=True)
class Hover:
    """Markdown for the text that `span` covers."""

    span: Span
    markdown: str


def hover_word(snapshot: Snapshot, offset: int) -> Hover | None:
    """The meaning of a word, sign or value at an offset; None for brackets and commas."""
    for token in snapshot.tokens:
        start = token.start_pos or 0
        if start <= offset < start + len(token.value) and token.type not in _SILENT:
            nodes = enclosing(snapshot.file, start)
            text = _of_node(snapshot, token, nodes) or _of_token(token, nodes)
            return Hover(Span(start, start + len(token.value)), text) if text else None
    return None


def _of_token(token: Token, nodes: tuple[object, ...]) -> str | None:
    word = str(token.value)
    if token.type == "STAR":
        if innermost(nodes, ast.Segment) is not None:
            return "`*`: all of them"
        is_product = any(isinstance(node, ast.Require | ast.Scaled) for node in nodes)
        return "`*`: times" if is_product else "`*`: the number of consecutive blocks"
    extreme = innermost(nodes, ast.Extreme)
    if extreme is not None and token.start_pos == extreme.name.span.start and word in FUNCTIONS:
        return f"`{word}`: {FUNCTIONS[word]}"
    if word in SIGNS:
        return f"`{word}`: {SIGNS[word]}"
    if token.type == word.upper() and word in KEYWORDS:
        return f"`{word}`: {KEYWORDS[word]}"
    return None


def _of_node(snapshot: Snapshot, token: Token, nodes: tuple[object, ...]) -> str | None:
    """The meaning of a token from the smallest node around it."""
    node = nodes[-1]
    written = innermost(nodes, ast.Import)
    if written is not None and token.type == "STRING":
        return imported(snapshot, written)
    if isinstance(node, ast.Range):
        return _range(snapshot, node)
    if isinstance(node, ast.Quantity) and node.unit in UNITS:
        factor, what = UNITS[node.unit]
        return f"`{node.value} {node.unit}`: {shown(f'{Decimal(node.value) * factor:,f}'.removesuffix('.0'))} {what}"
    if isinstance(node, ast.KernelSize):
        frames, rows, columns = node.text.split("x")
        return f"`{node.text}`: {frames} in time, {rows} high, {columns} wide"
    attribute = innermost(nodes, ast.Attribute)
    if isinstance(node, ast.Factor) and attribute is not None:
        doc = ATTRIBUTES["model"].get(attribute.name.text)
        return f"`{token.value}`: {doc}" if doc else None
    return None


def keyword_value(name: str, schema: Attribute | str | None) -> str | None:
    """The meaning of a bare word as the value of an attribute; None if it is not a keyword of the attribute."""
    if isinstance(schema, Attribute) and name in schema.keywords:
        return f"`{schema.name} = {name}`: {schema.doc}"
    return None


def nothing(nodes: tuple[object, ...]) -> str:
    """The meaning of `none` as an operator."""
    override = innermost(nodes, ast.Override)
    kind = override.selector.segments[0].word.text if override is not None else type(nodes[2]).__name__.lower()
    return f"`{NONE}`: {NOTHING.get(kind, 'no operator')}"


def imported(snapshot: Snapshot, statement: ast.Import) -> str | None:
    """The file of an import and the names in it."""
    path = statement.path.value
    file = snapshot.file_of(statement)
    if file is None:
        return f"`{path}`: could not be read"
    kind = "a file shipped with tsdsl" if path.startswith(STANDARD) else "a file beside this one"
    lines = [f"`{path}`: {kind}"]
    names = {
        "spaces": [space.name.text for space in file.spaces],
        "domains": [item.name.text for item in file.declarations if isinstance(item, ast.Domain)],
        "blocks": [item.name.text for item in file.declarations if isinstance(item, ast.BlockAlias)],
    }
    lines += [f"{what}: {listed(found)}" for what, found in names.items() if found]
    return "\n\n".join(lines)


def listed(names: list[str]) -> str:
    """Names in a row; a long list is cut."""
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return ", ".join(f"`{name}`" for name in names[:MAX_LISTED]) + more


def _range(snapshot: Snapshot, written: ast.Range) -> str | None:
    """The values of a range."""
    placed = range_values(Context(snapshot.source), written)
    if placed is None:
        return None
    values = [shown(value) for value, _ in placed]
    if len(values) > MAX_LISTED:
        values = [*values[: MAX_LISTED - 1], "...", values[-1]]
    span = written.span
    return f"`{snapshot.source.text[span.start : span.end]}`: {len(placed)} values: {', '.join(values)}"
