"""The documentation says what the code does: examples run, tables and numbers agree, names exist."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import tsdsl
import tsdsl.network.group
import tsdsl.space.resolve.parts.block_choices
import tsdsl.space.resolve.parts.groups
from generate.documentation_tables import DOCS, TABLES, renewed, table_names
from tsdsl.analysis.questions.sampling import sample_architectures
from tsdsl.check.check import check
from tsdsl.cli.commands import COMMANDS
from tsdsl.diagnostics.render import concise
from tsdsl.lowering import Model
from tsdsl.network.layout import Blueprint
from tsdsl.operators.registry import BLOCKS
from tsdsl.operators.schema import BlockOperator
from tsdsl.source import SourceFile
from tsdsl.syntax.formatter import format_text

ROOT = Path(__file__).parent.parent
PAGES = [*sorted(DOCS.rglob("*.md")), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
FENCE = re.compile(r"^```tsspace ?([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """One fenced example: where it stands, its mark and its text.

    The mark is nothing for a whole file, `fragment`, `error TSxxx` or `warning TSxxx` for a whole file or a
    fragment, or `fragment with OPERATOR` for one that needs an operator that the page defines.
    """

    place: str
    mark: str
    text: str


def examples() -> list[Example]:
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in FENCE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append(Example(f"{page.name}:{line}", match[1].strip(), match[2]))
    return found


EXAMPLES = examples()
SHIPPED = [example for example in EXAMPLES if " with " not in example.mark]


def whole_file(text: str) -> str:
    """A fragment in the smallest space that it fits in; a whole file as it is."""
    if re.search(r"^tsspace \d", text, re.MULTILINE):
        return text
    group, items = (text, "") if text.startswith("group") else ("", text)
    streams = "".join(
        f"stream {name} {{\n  frames = {frames}\n"
        "  stage 0 { group conv3d(kernel = 1x3x3, channels = 8, stride = 2) }\n"
        f"  stage 1 {{ group conv3d(kernel = 1x3x3, channels = 8)\n{group} }}\n"
        "  stage 2 { group conv3d(kernel = 1x3x3, channels = 8) }\n}\n"
        for name, frames in (("sparse", 4), ("dense", 8))
    )
    return f"tsspace 1\nspace s {{\nclasses = 10\nsize = 32\n{streams}{items}}}\n"


@pytest.mark.parametrize("example", SHIPPED, ids=lambda example: example.place)
def test_an_example_gives_exactly_the_diagnostics_it_is_marked_with(example: Example) -> None:
    found = check(SourceFile(example.place, whole_file(example.text))).diagnostics
    codes = {example.mark.split()[1]} if example.mark.startswith(("error ", "warning ")) else set()
    assert {d.code for d in found} == codes, "\n".join(map(concise, found))


def test_examples_are_marked_as_whole_files_fragments_or_errors() -> None:
    for example in EXAMPLES:
        assert re.fullmatch(r"|fragment( with \w+)?|(error|warning) TS\d{3}", example.mark), example.place
        whole = re.match(r"tsspace \d", example.text) is not None
        assert whole or example.mark, example.place
        assert not (whole and example.mark.startswith("fragment")), example.place


@pytest.mark.parametrize("example", [e for e in EXAMPLES if not e.mark], ids=lambda example: example.place)
def test_whole_examples_are_in_canonical_form(example: Example) -> None:
    assert format_text(SourceFile(example.place, example.text)) == example.text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tables_are_those_of_the_code(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert renewed(text) == text, "run: python tests/generate/documentation_tables.py"


def test_every_table_is_in_some_page() -> None:
    assert sorted(name for page in PAGES for name in table_names(page.read_text(encoding="utf-8"))) == sorted(TABLES)


def test_the_example_operator_is_checked_counted_and_run(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    code = re.search(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert code is not None
    module: dict[str, object] = {}
    exec(compile(code[1], "CONTRIBUTING.md", "exec"), module)
    operator = module["SEPARABLE3D"]
    assert isinstance(operator, BlockOperator)
    parts = tsdsl.space.resolve.parts
    for reader in (tsdsl.network.group, tsdsl.space.reading, parts.groups, parts.block_choices):
        monkeypatch.setattr(reader, "BLOCKS", {**BLOCKS, operator.name: operator})
    (example,) = (e for e in EXAMPLES if e.mark == f"fragment with {operator.name}")
    resolved = check(SourceFile(example.place, whole_file(example.text)))
    assert resolved.diagnostics == ()
    space = resolved.spaces[0].space
    for architecture in sample_architectures(space, 3):
        network = Blueprint(space).network(architecture.decisions)
        counter = FlopCounterMode(display=False)
        with counter, torch.no_grad():
            Model(network, seed=0).eval()(torch.zeros(1, 3, network.frames, space.size, space.size))
        assert counter.get_total_flops() == 2 * (architecture.flops or 0)


STEP_2 = 70190705178795097980609232896


def test_the_sizes_printed_are_those_of_the_space(auto_tsnet: tsdsl.Space) -> None:
    text = (DOCS / "method.md").read_text(encoding="utf-8")
    sizes = [auto_tsnet.count_architectures(step.decisions) for step in auto_tsnet.steps]
    dense = auto_tsnet.count_architectures(p for p in auto_tsnet.steps[1].decisions if p.startswith("dense."))
    assert sizes[1] == STEP_2
    for size in (*sizes, auto_tsnet.cardinality, dense):
        assert f" {size:,} " in text


def test_readings_that_explain_the_papers_sizes_have_the_size_printed() -> None:
    text = (ROOT / "spaces" / "auto_tsnet.tsspace").read_text(encoding="utf-8")
    sparse, dense = text.split("stream dense", 1)
    five_widths = sparse.replace("128 .. 176 by 16", "128 .. 192 by 16")
    two_widths = dense.replace("8 .. 24 by 8", "8 .. 16 by 8").replace("16 .. 32 by 8", "16 .. 24 by 8")
    two_widths = two_widths.replace(", time_strided_sample, time_to_channel", "")
    space = check(SourceFile("x", f"{five_widths}stream dense{two_widths}")).spaces[0].space
    sizes = [f"{space.count_architectures(step.decisions):.3g}" for step in space.steps]
    assert sizes == ["8.07e+24", "6.02e+24", "4.1e+03"]


def is_possible_for_step_2(size: int) -> bool:
    for prime in (2, 3, 7):
        while size and size % prime == 0:
            size //= prime
    return size == 1


def test_a_wrong_digit_in_the_size_of_step_2_shows() -> None:
    digits = str(STEP_2)
    assert is_possible_for_step_2(STEP_2)
    assert STEP_2 == 2**38 * 3**17 * 7**11
    for place, right in enumerate(digits):
        for digit in set("0123456789") - {right}:
            assert not is_possible_for_step_2(int(digits[:place] + digit + digits[place + 1 :]))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_paths_and_commands_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert (page.parent / link).exists(), link
    for path in re.findall(r"`((?:tsdsl|tests|grammars|spaces|examples)/[\w./]*[\w/])`", text):
        planned = "separable3d" in path or "TSxxx" in path
        assert planned or (ROOT / path).exists(), path
    commands = set(COMMANDS)
    assert set(re.findall(r"`tsdsl ([a-z]+)", text)) <= commands
    for name in re.findall(r"`std:(\w+)`", text):
        assert (ROOT / "spaces" / f"{name}.tsspace").exists(), name


def test_the_page_on_security_names_the_licence_of_each_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {re.split(r"[^\w-]", text)[0] for text in project["dependencies"]}
    listed = set(re.findall(r"^\| ([\w-]+) \| \S", (DOCS / "security.md").read_text(), re.MULTILINE))
    assert needed - listed == set()
