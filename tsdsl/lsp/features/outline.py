"""The outline of a file: its symbols as a tree, and foldable ranges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tsdsl.lsp.names.sites import stream_sites
from tsdsl.source import Span
from tsdsl.syntax import ast
from tsdsl.syntax.grammar.machine import Token

SymbolKind: TypeAlias = Literal["space", "stream", "stage", "group", "slot", "step", "model", "value"]


@dataclass(frozen=True, slots=True)
class Symbol:
    """A part of a file: its span, the span of its name, and its children."""

    name: str
    kind: SymbolKind
    span: Span
    selection: Span
    detail: str = ""
    children: tuple[Symbol, ...] = ()


@dataclass(frozen=True, slots=True)
class Fold:
    """A foldable range, from an offset on its first line to one on its last."""

    span: Span
    kind: Literal["region", "comment"]


def symbols(file: ast.File) -> tuple[Symbol, ...]:
    """Declarations outside of spaces, and spaces with their parts, in the order of the file."""
    outside = [symbol for item in file.declarations for symbol in _item(item)]
    spaces = [
        Symbol(
            space.name.text,
            "space",
            space.span,
            space.name.span,
            f"from {space.base.text}" if space.base is not None else "",
            tuple(symbol for item in space.items for symbol in _item(item)),
        )
        for space in file.spaces
    ]
    return tuple(sorted((*outside, *spaces), key=lambda symbol: symbol.span.start))


def _item(item: ast.Item) -> Iterator[Symbol]:
    if isinstance(item, ast.Domain):
        yield Symbol(item.name.text, "value", item.span, item.name.span, "domain")
    elif isinstance(item, ast.Shared):
        yield Symbol(item.name.text, "value", item.span, item.name.span, "shared decision")
    elif isinstance(item, ast.Override):
        words = ".".join(segment.word.text for segment in item.selector.segments)
        yield Symbol(f"{item.kind} {words}", "value", item.span, item.selector.span)
    elif isinstance(item, ast.Require):
        between = item.rule.relation if isinstance(item.rule, ast.Comparison) else item.rule.word
        yield Symbol(f"require ... {between} ...", "value", item.span, item.rule.span)
    elif isinstance(item, ast.BlockAlias):
        yield Symbol(item.name.text, "value", item.span, item.name.span, f"block of {item.call.name.text}")
    elif isinstance(item, ast.Stream):
        yield Symbol(item.name.text, "stream", item.span, item.name.span, "stream", _stages(item))
    elif isinstance(item, ast.Fusion):
        selection = item.source.span.to(item.target.span)
        yield Symbol(f"fusion {item.source.text} -> {item.target.text}", "slot", item.span, selection)
    elif isinstance(item, ast.Attention):
        selection = item.streams[0].span.to(item.streams[-1].span)
        names = ", ".join(name.text for name in item.streams)
        yield Symbol(f"attention {names}", "slot", item.span, selection)
    elif isinstance(item, ast.Head):
        yield Symbol("head", "slot", item.span, Span(item.span.start, item.span.start + len("head")))
    elif isinstance(item, ast.Step):
        title = item.title.value if item.title is not None else ""
        yield Symbol(f"step {item.index.value}", "step", item.span, item.index.span, title)
    elif isinstance(item, ast.Model):
        yield Symbol(item.name.text, "model", item.span, item.name.span, "model")


def _stages(stream: ast.Stream) -> tuple[Symbol, ...]:
    paths = {site.group.span: site.path for site in stream_sites("", stream)}
    return tuple(
        Symbol(
            f"stage {stage.index.value}",
            "stage",
            stage.span,
            stage.index.span,
            children=tuple(
                Symbol(
                    paths[group.span].rpartition(".")[2],
                    "group",
                    group.span,
                    group.call.span if isinstance(group.call, ast.Blocks) else group.call.name.span,
                    _group_text(group),
                )
                for group in stage.groups
                if group.span in paths
            ),
        )
        for stage in stream.stages
    )


def _group_text(group: ast.Group) -> str:
    """`mb * 2`, `mb | none * 2 .. 4`: the operators of a group, and its depth."""
    names = group.call.names if isinstance(group.call, ast.Blocks) else (group.call.name.text,)
    match group.repeat:
        case ast.Number(value):
            depth = f" * {value}"
        case ast.Range(low, high):
            depth = f" * {low.value} .. {high.value}"
        case None:
            depth = ""
        case _:
            depth = " * {...}"
    return " | ".join(name for name in names if name) + depth


def folds(tokens: Iterable[Token]) -> list[Fold]:
    """Braces and parentheses over several lines, and comments on consecutive lines."""
    found: list[Fold] = []
    opened: list[Token] = []
    comments: list[Token] = []
    newlines = 0
    for token in tokens:
        if token.type == "WS":
            newlines += token.value.count("\n")
            continue
        if token.type == "COMMENT" and (newlines == 1 or not comments):
            comments.append(token)
        else:
            found += _comment_fold(comments)
            comments = [token] if token.type == "COMMENT" else []
        newlines = 0
        if token.type in ("LBRACE", "LPAR"):
            opened.append(token)
        elif token.type in ("RBRACE", "RPAR"):
            pair = "LBRACE" if token.type == "RBRACE" else "LPAR"
            while opened:
                opener = opened.pop()
                if opener.type == pair:
                    found.append(Fold(Span(_start(opener), _start(token)), "region"))
                    break
    return found + _comment_fold(comments)


def _comment_fold(comments: Sequence[Token]) -> list[Fold]:
    if len(comments) < 2:
        return []
    return [Fold(Span(_start(comments[0]), _start(comments[-1]) + len(comments[-1].value)), "comment")]


def _start(token: Token) -> int:
    return token.start_pos or 0
