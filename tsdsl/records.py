"""`dataclass` of the standard library, made several times faster, for the modules that every command imports.

The standard one compiles six functions a class; for the classes behind `tsdsl check` that took longer than its check.
Here frozen classes share all functions but `__init__`, which is compiled when a class is first instantiated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, fields
from dataclasses import dataclass as standard
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NoReturn


def _dataclass(*, frozen: bool, slots: bool = False, eq: bool = True, kw_only: bool = False) -> Callable[[type], type]:
    assert frozen, "use the standard one"

    def make(written: type) -> type:
        cls: Any = standard(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)(written)

        def first_init(self: Any, *values: Any, **named: Any) -> None:
            cls.__init__ = _compiled_init(cls)
            cls.__init__(self, *values, **named)

        cls.__init__ = first_init
        cls.__setattr__, cls.__delattr__ = _refuse, _refuse
        if "__repr__" not in vars(written):
            cls.__repr__ = _repr
        if slots:
            cls.__getstate__, cls.__setstate__ = _state, _set_state
        if eq:
            compared = [field.name for field in fields(cls) if field.compare]
            key: Callable[[Any], Any] = attrgetter(*compared) if compared else lambda _: ()
            cls.__eq__ = lambda self, other: key(self) == key(other) if other.__class__ is cls else NotImplemented
            cls.__hash__ = lambda self: hash(key(self))
        made: type = cls
        return made

    return make


def _compiled_init(cls: Any) -> Any:
    scope: dict[str, Any] = {"set_field": object.__setattr__, "missing": MISSING}
    parameters, lines = [], []
    for field in sorted(fields(cls), key=lambda field: bool(field.kw_only)):
        if field.kw_only and "*" not in parameters:
            parameters.append("*")
        name, value = field.name, field.name
        if field.default is not MISSING:
            scope[f"default_{name}"] = field.default
            name += f"=default_{name}"
        elif field.default_factory is not MISSING:
            scope[f"default_{name}"] = field.default_factory
            name, value = f"{name}=missing", f"default_{name}() if {name} is missing else {name}"
        parameters.append(name)
        lines.append(f" set_field(self, {field.name!r}, {value})\n")
    # Names of fields and parameters of classes in this package: nothing of it is read from a file.
    source = f"def __init__(self, {', '.join(parameters)}):\n{''.join(lines) or ' pass'}"
    exec(source, scope)  # nosec B102: see above
    return scope["__init__"]


def _repr(self: Any) -> str:
    shown = [f"{field.name}={getattr(self, field.name)!r}" for field in fields(self) if field.repr]
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _refuse(self: object, name: str, value: object = None) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to or delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for field, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:
    dataclass = _dataclass
