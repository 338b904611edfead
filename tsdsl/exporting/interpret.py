"""Computes the scores of an exported source file by interpreting the few forms that `export_python` prints.

Nothing of the text is executed: its classes must have exactly the syntax of those in `blocks`, and the statements that
build and apply the model are evaluated here, form by form. Only those classes are built, and only parts of the model
are applied. Anything else in a text is refused. See docs/decisions/0008.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from tsdsl.exporting import blocks
from tsdsl.exporting.agreement import Agreement, agreement
from tsdsl.exporting.names import is_plain_attribute
from tsdsl.exporting.python import CONSTANTS, IMPORTS, LOCALS, class_name, functions
from tsdsl.lowering.model import Model

ACTIVATIONS: Mapping[str, type[nn.Module]] = MappingProxyType(
    {"ReLU": nn.ReLU, "SiLU": nn.SiLU, "Hardswish": nn.Hardswish, "Identity": nn.Identity}
)
SHIPPED: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {name: value for name, value in vars(blocks).items() if getattr(value, "__module__", "") == blocks.__name__}
)
BUILDERS: Mapping[str, Callable[..., nn.Module]] = MappingProxyType(
    {name: value for name, value in SHIPPED.items() if value is not blocks.time_to_channel}
)
MAX_REPEATED = 1000
"""Of equal blocks in a row; no space has as many."""


def verify_export(source: str, model: Model) -> Agreement:
    """Compares the exported model's scores with those of `model`, in evaluation mode and double precision.

    Raises:
        ValueError: the source has a form that `export_python` does not print.
        RuntimeError: the exported model's state-dict keys or sizes are not those of `model`.
    """
    with torch.device("meta"):  # parameters take no memory before their sizes have been compared
        exported = Interpreted(_model_class(source, class_name(model.network.space)))
    exported.load_state_dict({name: tensor.cpu() for name, tensor in model.state_dict().items()}, assign=True)
    return agreement(model, exported.double().eval())


class Interpreted(nn.Module):
    """The model of an exported source."""

    def __init__(self, tree: ast.ClassDef) -> None:
        super().__init__()
        match tree.body:
            case [
                ast.Expr(value=ast.Constant(value=str())),
                ast.FunctionDef(args=ast.arguments(defaults=[ast.Constant(value=int(classes))])) as init,
                ast.FunctionDef(body=flow) as forward,
            ]:
                self.flow = flow
            case _:
                _refuse(tree)
        _demand_head(init, f"def __init__(self, num_classes: int={classes}) -> None:")
        _demand_head(forward, "def forward(self, clip: Tensor) -> Tensor:")
        if ast.unparse(init.body[0]) != "super().__init__()":
            _refuse(init.body[0])
        for statement in init.body[1:]:
            match statement:
                case ast.Assign(targets=[ast.Attribute() | ast.Subscript() as target], value=value):
                    owner, name = _place(target)
                    _part(owner, self)._modules[name] = _module(value, classes)
                case _:
                    _refuse(statement)
        self.max_channels = max((size for value in self.parameters() for size in value.shape), default=0)

    def forward(self, clip: Tensor) -> Tensor:
        """The class scores."""
        names = {"clip": clip}
        for statement in self.flow:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if name not in LOCALS:
                    names[name] = self._features(value, names)
                case ast.Return(value=ast.expr() as value):
                    return self._features(value, names)
                case _:
                    _refuse(statement)
        raise ValueError("the exported model returns nothing")

    def _features(self, node: ast.expr, names: Mapping[str, Tensor]) -> Tensor:
        """The value of an expression of features: each of its parts is a tensor."""
        match node:
            case ast.Name(id=name) if name in names:
                return names[name]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                first, second = self._features(left, names), self._features(right, names)
                return first + second if first.shape == second.shape else _refuse(node)
            case ast.Subscript(
                value=value,
                slice=ast.Tuple(
                    elts=[
                        ast.Slice(lower=None, upper=None, step=None),
                        ast.Slice(lower=None, upper=None, step=None),
                        ast.Slice(lower=None, upper=None, step=ast.Constant(value=int(stride))),
                    ]
                ),
            ):
                return self._features(value, names)[:, :, ::stride]
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="torch"), attr="cat"),
                args=[ast.Tuple(elts=items), ast.Constant(value=1)],
                keywords=[],
            ):
                parts = [self._features(item, names) for item in items]
                return (
                    torch.cat(parts, 1) if sum(part.shape[1] for part in parts) <= self.max_channels else _refuse(node)
                )
            case ast.Call(
                func=ast.Name(id="time_to_channel"), args=[value, ast.Constant(value=int(factor))], keywords=[]
            ):
                return blocks.time_to_channel(self._features(value, names), factor)
            case ast.Call(func=ast.Attribute(value=value, attr="mean"), args=[ast.Tuple() as axes], keywords=[]) if (
                ast.unparse(axes) == "(2, 3, 4)"
            ):
                return self._features(value, names).mean((2, 3, 4))
            case ast.Call(func=part, args=[value], keywords=[]):
                features: Tensor = _part(part, self)(self._features(value, names))
                return features
        _refuse(node)


def _part(node: ast.expr, model: nn.Module) -> nn.Module:
    """A part of the model: `self`, or a child by its name."""
    if isinstance(node, ast.Name) and node.id == "self":
        return model
    owner, name = _place(node)
    found = _part(owner, model)._modules.get(name)
    return found if isinstance(found, nn.Module) else _refuse(node)


def _place(node: ast.expr) -> tuple[ast.expr, str]:
    """The owner of a child and its name, of `owner.name` or `owner._modules["name"]`."""
    match node:
        case ast.Attribute(value=owner, attr=name) if is_plain_attribute(name):
            return owner, name
        case ast.Subscript(value=ast.Attribute(value=owner, attr="_modules"), slice=ast.Constant(value=str(name))):
            return owner, name
    _refuse(node)


def _module(node: ast.expr, classes: int) -> nn.Module:
    """The module that a call of one of the file's classes builds."""
    match node:
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=keywords) if name in BUILDERS:
            values = [value for argument in arguments for value in _values(argument, classes)]
            named = {name: value for keyword in keywords for name, value in _named(keyword, classes)}
            return BUILDERS[name](*values, **named)
    _refuse(node)


def _value(node: ast.expr, classes: int) -> Any:
    """An argument: a number, a word, a tuple of them, an activation's class or a module."""
    match node:
        case ast.Constant(value=int() | float() | str() as value):
            return value
        case ast.Name(id="num_classes"):
            return classes
        case ast.Tuple(elts=items):
            return tuple(_value(item, classes) for item in items)
        case ast.Attribute(value=ast.Name(id="nn"), attr=name) if name in ACTIVATIONS:
            return ACTIVATIONS[name]
    return _module(node, classes)


def _values(argument: ast.expr, classes: int) -> Iterator[Any]:
    """The values of an argument: several for a generator over a range."""
    match argument:
        case ast.Starred(
            value=ast.GeneratorExp(
                elt=made,
                generators=[
                    ast.comprehension(
                        target=ast.Name(id="_"),
                        iter=ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=int(count))], keywords=[]),
                        ifs=[],
                        is_async=0,
                    )
                ],
            )
        ) if count <= MAX_REPEATED:
            for _ in range(count):
                yield _value(made, classes)
        case _:
            yield _value(argument, classes)


def _named(keyword: ast.keyword, classes: int) -> Iterator[tuple[str, Any]]:
    """The values of a named argument, or of a `**{"name": value}`."""
    match keyword:
        case ast.keyword(arg=str(name), value=value):
            yield name, _value(value, classes)
        case ast.keyword(value=ast.Dict(keys=[ast.Constant(value=str(name))], values=[value])):
            yield name, _value(value, classes)
        case _:
            _refuse(keyword.value)


def _demand_head(function: ast.FunctionDef, head: str) -> None:
    if ast.unparse(function).partition("\n")[0] != head:
        _refuse(function)


def _model_class(source: str, name: str) -> ast.ClassDef:
    """The model's class, after checking that all other statements are those of every exported file."""
    found: ast.ClassDef | None = None
    known = {ast.dump(statement) for statement in ast.parse(f"{IMPORTS}\n{functions(name)}").body}
    defined: set[str] = set()
    for statement in ast.parse(source).body:
        match statement:
            case ast.Expr(value=ast.Constant(value=str())):
                continue
            case ast.ClassDef(name=own) if own == name and own not in defined:
                found = statement
                continue
            case ast.Assign(targets=[target], value=value) if ast.unparse(target) in CONSTANTS:
                ast.literal_eval(value)
                continue
            case ast.ClassDef(name=own) | ast.FunctionDef(name=own) if own in SHIPPED:
                defined.add(own)
                known.add(_shipped(own))
        if ast.dump(statement) not in known:
            _refuse(statement)
    if (
        found is None
        or [ast.unparse(base) for base in found.bases] != ["nn.Module"]
        or found.decorator_list
        or found.keywords
    ):
        raise ValueError(f"the source has no class {name}")
    return found


@cache
def _shipped(name: str) -> str:
    """A class or function as every exported file has it; Python needs long to find one in its module."""
    return ast.dump(ast.parse(inspect.getsource(SHIPPED[name])).body[0])


def _refuse(node: ast.AST) -> NoReturn:
    raise ValueError(f"`{ast.unparse(node)[:200]}` is not a form that an exported file has")
