"""The faster `dataclass` behaves as the standard one."""

import copy
import dataclasses
import pickle
from dataclasses import FrozenInstanceError, field, replace
from functools import cached_property
from typing import Any

import pytest

from tsdsl.records import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    """A point."""

    x: int
    y: int = 2
    names: list[str] = field(default_factory=list)
    note: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class Named:
    """A name."""

    name: str

    @cached_property
    def length(self) -> int:
        """Its letters."""
        return len(self.name)


@dataclass(frozen=True, eq=False)
class Empty:
    """Nothing."""


def standard(cls: type, **options: bool) -> Any:
    """The class of the same fields that the standard library makes."""
    fields = [
        (
            f.name,
            f.type,
            field(
                default=f.default,
                default_factory=f.default_factory,  # type: ignore[call-overload]
                compare=f.compare,
                repr=f.repr,
            ),
        )
        for f in dataclasses.fields(cls)
    ]
    return dataclasses.make_dataclass(cls.__name__, fields, frozen=True, **options)


def test_values_defaults_and_text_are_those_of_the_standard_one() -> None:
    twin = standard(Point, slots=True)
    for values, named in (((1,), {}), ((1, 3), {"names": ["a"]}), ((), {"x": 4, "note": "n"})):
        ours, theirs = Point(*values, **named), twin(*values, **named)
        assert dataclasses.astuple(ours) == dataclasses.astuple(theirs)
        assert repr(ours) == repr(theirs)
    assert Point(1).names is not Point(1).names
    assert not hasattr(Point(1), "__dict__")
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        Point()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="takes 1 positional argument"):
        Named("a")  # type: ignore[misc]


def test_compared_and_hashed_by_the_fields_that_say_so() -> None:
    assert Point(1, note="a") == Point(1, note="b") != Point(2)
    assert Point(1) != standard(Point)(1)
    assert len({Named(name="a"), Named(name="a"), Named(name="b")}) == 2
    assert Empty() != Empty()
    with pytest.raises(TypeError, match="unhashable"):
        hash(Point(1))


def test_frozen_copied_replaced_and_pickled() -> None:
    point, named = Point(1, names=["a"]), Named(name="abc")
    for one, name in ((point, "x"), (named, "name")):
        with pytest.raises(FrozenInstanceError):
            setattr(one, name, 5)
        with pytest.raises(FrozenInstanceError):
            delattr(one, name)
        assert pickle.loads(pickle.dumps(one)) == copy.deepcopy(one) == one
    assert replace(point, x=7) == Point(7, names=["a"])
    assert named.length == 3
    match point:
        case Point(x, y):
            assert (x, y) == (1, 2)
