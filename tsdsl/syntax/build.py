"""From the machine's nodes to the syntax tree."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal, InvalidOperation, localcontext
from math import prod
from typing import Any, Literal, TypeVar, cast

from tsdsl.source import Span
from tsdsl.syntax import ast
from tsdsl.syntax.grammar.machine import Node, Token

T = TypeVar("T")
REQUIRE = "require"
EXACT = Context(prec=100, traps=[])  # a product too large for it is infinity, which no value may be
DECLARATIONS = frozenset({"domain", "shared", "block"})


def build_file(tree: Node, length: int) -> ast.File:
    """The syntax tree of a whole file of `length` characters."""
    version = next((_number(_tokens(t)[0]) for t in _trees(tree, "version")), None)
    spaces = tuple(_space(t) for t in _trees(tree, "space") if not _is_error(t))
    broken = any(_is_error(t) for t in _trees(tree, "space"))
    imports = tuple(_import(t) for t in _trees(tree, "import"))
    declarations: list[ast.Domain | ast.BlockAlias] = [_domain(t) for t in _trees(tree, "domain")]
    declarations += [_block(t) for t in _trees(tree, "block")]
    return ast.File(version, imports, tuple(declarations), spaces, broken, Span(0, length))


def _import(tree: Node) -> ast.Import:
    return ast.Import(_text(_tokens(tree)[0]), _span(tree))


def _space(tree: Node) -> ast.Space:
    items = tuple(cast(ast.Item, _ITEMS[t.data](t)) for t in tree.children if isinstance(t, Node) and t.data in _ITEMS)
    name, *base = _tokens(tree)
    lost = {token.value for error in _trees(tree, "error") for token in _tokens(error)}
    loses, declarations = bool(lost - {REQUIRE}), not lost.isdisjoint(DECLARATIONS)
    base_name = _name(base[0]) if base else None
    return ast.Space(_name(name), base_name, items, _is_broken(tree), _span(tree), loses, declarations)


def _attribute(tree: Node) -> ast.Attribute:
    name, value = tree.children
    return ast.Attribute(_name(cast(Token, name)), _expression(value), _span(tree))


def _domain(tree: Node) -> ast.Domain:
    name, value = tree.children
    return ast.Domain(_name(cast(Token, name)), _expression(value), _span(tree))


def _shared(tree: Node) -> ast.Shared:
    name, value = tree.children
    return ast.Shared(_name(cast(Token, name)), _expression(value), _span(tree))


def _override(kind: Literal["fix", "free"]) -> Callable[[Node], ast.Override]:
    def build(tree: Node) -> ast.Override:
        selector, value = tree.children
        return ast.Override(kind, _selector(cast(Node, selector)), _expression(value), _span(tree))

    return build


def _require(tree: Node) -> ast.Require:
    return ast.Require(_rules(tree)[0], _span(tree))


def _rules(tree: Node) -> tuple[ast.Rule, ...]:
    return tuple(_rule(t) for t in tree.children if isinstance(t, Node))


def _rule(tree: Node) -> ast.Rule:
    if tree.data == "comparison":
        left, right = (_sum(side) for side in _trees(tree, "sum"))
        return ast.Comparison(left, cast(ast.Relation, _tokens(tree)[0].value), right, _span(tree))
    parts = _rules(tree)
    return ast.Junction(_JUNCTIONS[tree.data], parts, _span(tree)) if len(parts) > 1 else parts[0]


_JUNCTIONS: dict[str, Literal["and", "or", "implies"]] = {"all_of": "and", "any_of": "or", "implies": "implies"}


def _sum(tree: Node) -> ast.Sum:
    products, sign = [], 1
    for child in tree.children:
        if not isinstance(child, Node):
            continue
        if child.data == "sign":
            sign = -1 if _tokens(child)[0].value == "-" else 1
            continue
        factors = tuple(_operand(factor) for factor in child.children if isinstance(factor, Node))
        products.append(ast.Product(sign, factors, _span(child)))
    return ast.Sum(tuple(products), _span(tree))


def _operand(tree: Node) -> ast.Operand:
    if tree.data == "extreme":
        return ast.Extreme(_name(_tokens(tree)[0]), tuple(_sum(t) for t in _trees(tree, "sum")), _span(tree))
    return _sum(tree) if tree.data == "sum" else cast(ast.Operand, _expression(tree))


def _block(tree: Node) -> ast.BlockAlias:
    name, call = tree.children
    return ast.BlockAlias(_name(cast(Token, name)), _call(cast(Node, call)), _span(tree))


def _stream(tree: Node) -> ast.Stream:
    return ast.Stream(
        _name(_tokens(tree)[0]),
        _attributes(tree),
        tuple(_stage(t) for t in _trees(tree, "stage")),
        _is_broken(tree),
        _span(tree),
    )


def _stage(tree: Node) -> ast.Stage:
    groups = tuple(_group(t) for t in _trees(tree, "group"))
    return ast.Stage(_number(_tokens(tree)[0]), groups, _is_broken(tree), _span(tree))


def _group(tree: Node) -> ast.Group:
    call, repeat, each = (*tree.children, None)[:3]  # no place is kept for a depth that is not written
    return ast.Group(
        _call(call) if cast(Node, call).data == "call" else _blocks(cast(Node, call)),
        _expression(repeat) if isinstance(repeat, Node) else None,
        isinstance(each, Token),
        _span(tree),
    )


def _blocks(tree: Node) -> ast.Blocks:
    choice = cast(ast.Choice, _expression(tree.children[0]))
    return ast.Blocks(choice, tuple(_attribute(t) for t in _trees(tree, "argument")), _is_broken(tree), _span(tree))


def _fusion(tree: Node) -> ast.Fusion:
    source, target = _tokens(tree)[:2]
    return ast.Fusion(_name(source), _name(target), _attributes(tree), _is_broken(tree), _span(tree))


def _attention(tree: Node) -> ast.Attention:
    names = tuple(_name(token) for token in _tokens(cast(Node, tree.children[0])))
    return ast.Attention(names, _attributes(tree), _is_broken(tree), _span(tree))


def _head(tree: Node) -> ast.Head:
    return ast.Head(_attributes(tree), _is_broken(tree), _span(tree))


def _step(tree: Node) -> ast.Step:
    index, title = tree.children[:2]
    text = _text(title) if isinstance(title, Token) else None
    return ast.Step(_number(cast(Token, index)), text, _attributes(tree), _is_broken(tree), _span(tree))


def _model(tree: Node) -> ast.Model:
    name, base = tree.children[:2]
    return ast.Model(
        _name(cast(Token, name)),
        _name(base) if isinstance(base, Token) else None,
        _attributes(tree),
        _is_broken(tree),
        _span(tree),
    )


_ITEMS: dict[str, Callable[[Node], Any]] = {
    "attribute": _attribute,
    "domain": _domain,
    "shared": _shared,
    "block": _block,
    "stream": _stream,
    "fusion": _fusion,
    "attention": _attention,
    "head": _head,
    "step": _step,
    "model": _model,
    "fix": _override("fix"),
    "free": _override("free"),
    "require": _require,
}


def _call(tree: Node) -> ast.Call:
    arguments = tuple(_attribute(t) for t in _trees(tree, "argument"))
    return ast.Call(_name(_tokens(tree)[0]), arguments, _is_broken(tree), _span(tree))


def _expression(tree: Any) -> ast.Expression:
    return cast(ast.Expression, _EXPRESSIONS[tree.data](tree))


def _number(token: Token) -> ast.Number:
    return ast.Number(_decimal(token.value), _token_span(token))


def _decimal(text: str) -> Decimal:
    """The number in a token; an exponent past what Decimal holds gives infinity, which no value may be."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("Infinity")


def _range(tree: Node) -> ast.Range:
    numbers = [_number(_tokens(t)[0]) for t in tree.children if isinstance(t, Node)]
    return ast.Range(numbers[0], numbers[1], numbers[2] if len(numbers) > 2 else None, _span(tree))


def _scaled(tree: Node) -> ast.Expression:
    factors = cast("tuple[ast.Number | ast.Selector, ...]", _items(tree))
    if all(isinstance(factor, ast.Number) for factor in factors):
        with localcontext(EXACT):
            value = prod(factor.value for factor in factors if isinstance(factor, ast.Number))
        return ast.Number(Decimal(value), _span(tree))
    return ast.Scaled(factors, _span(tree))


def _quantity(tree: Node) -> ast.Quantity:
    number, unit = tree.children
    value = _number(_tokens(cast(Node, number))[0]).value
    return ast.Quantity(value, cast(Token, unit).value, _span(tree))


def _items(tree: Node) -> tuple[ast.Expression, ...]:
    return tuple(_expression(child) for child in tree.children if isinstance(child, Node))


def _segment(tree: Node) -> ast.Segment:
    word = _name(_tokens(cast(Node, tree.children[0]))[0])
    indices: tuple[tuple[ast.Number, ast.Number], ...] | None = None
    for inner in _trees(tree, "indices"):
        ranges = [[_number(t) for t in _tokens(i)] for i in _trees(inner, "index")]
        indices = tuple((numbers[0], numbers[-1]) for numbers in ranges)
    return ast.Segment(word, indices, _span(tree))


def _selector(tree: Node) -> ast.Selector:
    return ast.Selector(tuple(_segment(t) for t in _trees(tree, "segment")), _span(tree))


_EXPRESSIONS: dict[str, Callable[[Node], Any]] = {
    "number": lambda t: _number(_tokens(t)[0]),
    "kernel": lambda t: ast.KernelSize(_tokens(t)[0].value, _span(t)),
    "factor": lambda t: ast.Factor(_decimal(_tokens(t)[0].value[:-1]), _span(t)),
    "string": lambda t: _text(_tokens(t)[0]),
    "range": _range,
    "quantity": _quantity,
    "choice": lambda t: ast.Choice(_items(t), _span(t)),
    "product_of": _scaled,
    "list": lambda t: ast.Sequence(_items(t), _span(t)),
    "call": _call,
    "selector": _selector,
}


def _text(token: Token) -> ast.Text:
    return ast.Text(token.value[1:-1], _token_span(token))


def _name(token: Token) -> ast.Name:
    return ast.Name(token.value, _token_span(token))


def _attributes(tree: Node) -> tuple[ast.Attribute, ...]:
    return tuple(_attribute(t) for t in _trees(tree, "attribute"))


def _trees(tree: Node, rule: str) -> list[Node]:
    return [child for child in tree.children if isinstance(child, Node) and child.data == rule]


def _tokens(tree: Node) -> list[Token]:
    return [child for child in tree.children if isinstance(child, Token)]


def _is_error(tree: Node) -> bool:
    return any(token.type == "ERROR" for token in _tokens(tree))


def _is_broken(tree: Node) -> bool:
    return bool(_trees(tree, "error"))


def _span(tree: Node) -> Span:
    return Span(tree.start_pos, tree.end_pos)


def _token_span(token: Token) -> Span:
    return Span(token.start_pos, token.end_pos)
