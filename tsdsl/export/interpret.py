"""Computes the scores of an exported source file by interpreting the few forms that `export_python` prints.

Nothing of the text is executed: its classes must have exactly the syntax of those in `blocks`, and the statements that
build and apply the model are evaluated here, form by form. Anything else in a text is refused. See docs/decisions/0008.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from tsdsl.export import blocks
from tsdsl.export.agreement import Agreement, agreement
from tsdsl.export.names import is_plain_attribute
from tsdsl.export.python import CONSTANTS, IMPORTS, class_name, functions
from tsdsl.lowering.model import Model

ACTIVATIONS = ("ReLU", "SiLU", "Identity")


def verify_export(source: str, model: Model) -> Agreement:
    """Compares the exported model's scores with those of `model`, in evaluation mode and double precision.

    Raises:
        ValueError: the source has a form that `export_python` does not print.
        RuntimeError: the exported model's state-dict keys are not those of `model`.
    """
    exported = Interpreted(_model_class(source, class_name(model.network.space)))
    exported.load_state_dict({name: tensor.cpu() for name, tensor in model.state_dict().items()})
    return agreement(model, exported.double().eval())


class Interpreted(nn.Module):
    """The model of an exported source."""

    def __init__(self, tree: ast.ClassDef) -> None:
        super().__init__()
        _, init, forward = tree.body
        assert isinstance(init, ast.FunctionDef)
        assert isinstance(forward, ast.FunctionDef)
        self.flow = forward.body
        names = {**vars(blocks), "self": self, "num_classes": ast.literal_eval(init.args.defaults[0])}
        if ast.unparse(init.body[0]) != "super().__init__()":
            _refuse(init.body[0])
        for statement in init.body[1:]:
            match statement:
                case ast.Assign(targets=[ast.Attribute(value=owner, attr=name)], value=value) if is_plain_attribute(
                    name
                ):
                    _modules(owner, names)[name] = _value(value, names)
                case ast.Assign(
                    targets=[
                        ast.Subscript(
                            value=ast.Attribute(value=owner, attr="_modules"), slice=ast.Constant(value=str(name))
                        )
                    ],
                    value=value,
                ):
                    _modules(owner, names)[name] = _value(value, names)
                case _:
                    _refuse(statement)

    def forward(self, clip: Tensor) -> Tensor:
        """The class scores."""
        names = {**vars(blocks), "self": self, "clip": clip}
        for statement in self.flow:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    names[name] = _value(value, names)
                case ast.Return(value=ast.expr() as value):
                    scores: Tensor = _value(value, names)
                    return scores
                case _:
                    _refuse(statement)
        raise ValueError("the exported model returns nothing")


def _value(node: ast.expr, names: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.Tuple(elts=items):
            return tuple(_value(item, names) for item in items)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _value(left, names) + _value(right, names)
        case ast.Slice(lower=None, upper=None, step=step):
            return slice(None, None, _value(step, names) if step is not None else None)
        case ast.Attribute(value=owner, attr=name):
            return _attribute(node, _value(owner, names), name)
        case ast.Subscript(value=ast.Attribute(value=owner, attr="_modules"), slice=ast.Constant(value=str(name))):
            return _modules(owner, names)[name]
        case ast.Subscript(value=owner, slice=index):
            return _value(owner, names)[_value(index, names)]
        case ast.Call(func=function, args=arguments, keywords=keywords):
            values = [value for argument in arguments for value in _values(argument, names)]
            named = {name: value for keyword in keywords for name, value in _named(keyword, names)}
            return _value(function, names)(*values, **named)
    _refuse(node)


def _modules(owner: ast.expr, names: Mapping[str, Any]) -> dict[str, nn.Module | None]:
    module = _value(owner, names)
    return module._modules if isinstance(module, nn.Module) else _refuse(owner)


def _attribute(node: ast.expr, owner: Any, name: str) -> Any:
    """An attribute of a module of torch, of a tensor, or of a part of the model."""
    if isinstance(owner, nn.Module) and is_plain_attribute(name):
        return owner._modules[name]
    if (owner is torch and name == "cat") or (owner is nn and name in ACTIVATIONS):
        return getattr(owner, name)
    if isinstance(owner, Tensor) and name == "mean":
        return owner.mean
    _refuse(node)


def _values(argument: ast.expr, names: Mapping[str, Any]) -> Iterator[Any]:
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
                    )
                ],
            )
        ):
            for _ in range(count):
                yield _value(made, names)
        case _:
            yield _value(argument, names)


def _named(keyword: ast.keyword, names: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The values of a named argument, or of a `**{"name": value}`."""
    match keyword:
        case ast.keyword(arg=str(name), value=value):
            yield name, _value(value, names)
        case ast.keyword(arg=None, value=ast.Dict(keys=keys, values=values)):
            for key, value in zip(keys, values, strict=True):
                yield ast.literal_eval(key or value), _value(value, names)


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
            case ast.ClassDef(name=own) | ast.FunctionDef(name=own) if hasattr(blocks, own):
                defined.add(own)
                known.add(ast.dump(ast.parse(inspect.getsource(getattr(blocks, own))).body[0]))
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


def _head(found: ast.ClassDef) -> ast.ClassDef:
    return ast.ClassDef(found.name, found.bases, found.keywords, [ast.Pass()], found.decorator_list)


def _refuse(node: ast.AST) -> NoReturn:
    raise ValueError(f"`{ast.unparse(node)[:200]}` is not a form that an exported file has")
