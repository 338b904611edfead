"""The library as programs and prompts use it: names, examples, help that fits a page, what cannot be changed."""

from __future__ import annotations

import copy
import doctest
import inspect
import pickle
import pkgutil
import pydoc
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import tsdsl
import tsdsl.library
from tsdsl.errors import UsageError
from tsdsl.library.windows import window_of

MODULES = [f"tsdsl.library.{module.name}" for module in pkgutil.iter_modules(tsdsl.library.__path__)]
FUNCTIONS = [name for name in tsdsl.__all__ if inspect.isfunction(getattr(tsdsl, name))]
PAGE = 60


def test_no_module_has_the_name_of_something_public() -> None:
    modules = {module.name for module in pkgutil.iter_modules(tsdsl.__path__)}
    assert modules & set(tsdsl.__all__) == set()
    assert set(tsdsl.__all__) <= set(dir(tsdsl))


def test_the_rooms_of_the_program_leave_the_functions_functions() -> None:
    for room in ("searching", "drawing", "exporting", "report.run"):
        import_module(f"tsdsl.{room}")
    assert all(inspect.isfunction(one) for one in (tsdsl.search, tsdsl.render, tsdsl.export))


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_docstrings_run(module: str) -> None:
    assert doctest.testmod(import_module(module)).failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [test.name for module in MODULES for test in finder.find(import_module(module)) if test.examples]
    assert {"tsdsl.library.loading.load", "tsdsl.library.space.Space.count"} <= set(found)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_help_of_a_function_fits_a_page(name: str) -> None:
    assert len(pydoc.plain(pydoc.render_doc(getattr(tsdsl, name))).splitlines()) <= PAGE


def test_an_architecture_cannot_be_changed(tiny: tsdsl.Space) -> None:
    architecture: Any = next(tiny.sample())
    path = next(iter(architecture.decisions))
    for change in (
        lambda: architecture.decisions.update({path: 0}),
        lambda: architecture.decisions.__setitem__(path, 0),
        lambda: architecture.decisions.pop(path),
        lambda: architecture.versions.clear(),
    ):
        with pytest.raises(TypeError, match="cannot be changed"):
            change()
    with pytest.raises(ValueError, match="frozen"):
        architecture.flops = 1
    assert {architecture: 1}[next(tiny.sample())] == 1


def test_copies_and_pickles_are_equal(tiny: tsdsl.Space) -> None:
    architecture = next(tiny.sample())
    for same in (copy.deepcopy(architecture), pickle.loads(pickle.dumps(architecture)), architecture.model_copy()):
        assert same == architecture
        assert same.decisions == architecture.decisions


def test_an_architecture_comes_back_from_its_file_and_its_decisions(tiny: tsdsl.Space, tmp_path: Path) -> None:
    architecture = next(tiny.sample(seed=3))
    assert tiny.architecture(architecture.save(tmp_path / "one.json")) == architecture
    assert tiny.architecture(architecture.decisions).flops == architecture.flops
    with pytest.raises(UsageError, match=r"decision sparse\.\S+ is missing"):
        tiny.architecture({})


def test_the_facts_of_a_space_agree_with_each_other(tiny: tsdsl.Space) -> None:
    found = tiny.bounds()
    assert (found.cheapest.flops, found.dearest.flops) == (found.least, found.most)
    assert tiny.count() == tiny.count(within=found.most) == tiny.cardinality
    assert tiny.count(within=found.least - 1) == 0
    budget = tiny.within("8MFLOPs", step=1)
    assert budget.at_least == budget.at_most == tiny.count("8MFLOPs", step=1)
    assert tiny.cost(found.cheapest).flops == found.least
    assert tiny.bounds("params").least <= tiny.cost(found.cheapest).params <= tiny.bounds("params").most
    peak = tiny.bounds("activation_bytes", step=1)
    assert peak.least < tiny.cost(peak.dearest).activation_bytes == peak.most
    assert all(8_000_000 <= (one.flops or 0) <= 9_000_000 for one in tiny.sample(5, within="8M..9M"))


def test_a_step_that_a_space_lacks_is_refused(tiny: tsdsl.Space) -> None:
    for ask in (tiny.count, tiny.bounds, tiny.sample):
        with pytest.raises(UsageError, match="has no step 7"):
            ask(step=7)


@pytest.mark.parametrize("wrong", ["fast", "..", "1..2..3", "1.4 GB"])
def test_what_is_no_window_is_refused(wrong: str) -> None:
    with pytest.raises(UsageError, match="within must be"):
        window_of(wrong)


def test_a_picture_is_shown_and_saved(tiny: tsdsl.Space, tmp_path: Path) -> None:
    picture = tsdsl.render(next(tiny.sample()), view="figure")
    assert picture._repr_html_().startswith("<img")
    assert picture.save(tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    different = tsdsl.render(next(tiny.sample()), view="figure", against=next(tiny.sample(seed=2)))
    assert different.svg != picture.svg
    with pytest.raises(UsageError, match="decisions"):
        tsdsl.render(tiny, view="figure")
