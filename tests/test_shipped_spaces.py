"""Every shipped space: clean, canonical, compiled, drawn, and one sampled architecture of it trains a step."""

from __future__ import annotations

import re
from pathlib import Path
from shutil import which

import pytest
import torch

import tsdsl
from generate.documentation_pictures import picture_commands
from tsdsl.analysis.questions.sampling import sample_architectures
from tsdsl.check.check import check
from tsdsl.cli.main import run
from tsdsl.drawing import draw_architecture
from tsdsl.lowering import Model
from tsdsl.network.layout import Blueprint
from tsdsl.source_files import read_source, shipped_names
from tsdsl.space.parts import Scale
from tsdsl.syntax.formatter import format_text

DOCS = Path(tsdsl.__file__).parent / "docs"
SPACES = [
    (file, name)
    for file in shipped_names()
    for name in re.findall(r"^space (\w+)", read_source(f"std:{file}").text, re.MULTILINE)
]
CLASSES = 7


@pytest.mark.parametrize("file", shipped_names())
def test_a_shipped_file_is_clean_and_canonical(file: str) -> None:
    source = read_source(f"std:{file}")
    assert check(source).diagnostics == ()
    assert format_text(source) == source.text


@pytest.mark.parametrize("file", shipped_names())
def test_a_shipped_file_compiles(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = next(name for own, name in SPACES if own == file)
    assert run(["compile", f"std:{file}", "--space", first, "-o", str(tmp_path), "--json"]) == 0
    assert {"space.json", "report.json", "space.svg"} <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize(("file", "name"), SPACES)
def test_a_sampled_architecture_is_drawn_and_trains_a_step(file: str, name: str) -> None:
    space = tsdsl.load(f"std:{file}", name)
    frames = min(8, max(stream.frames for stream in space.streams))
    # Widths that are summed are equal as they are written, not always as they are rounded.
    width = 1.0 if name.endswith("_sum") else 0.125
    scale = Scale(name="tiny", size=32, frames=frames, width=width, depth=0.25)
    architecture = next(sample_architectures(space, 1, seed=1))
    blueprint = Blueprint(space, classes=CLASSES, scale=scale)
    assert draw_architecture(space, architecture, blueprint).startswith("<")
    model = Model(blueprint.network(architecture.decisions), seed=0).train()
    clips = torch.randn(2, 3, model.network.frames, 32, 32, generator=torch.Generator().manual_seed(0))
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    torch.manual_seed(0)
    loss = torch.nn.functional.cross_entropy(model(clips), torch.tensor([0, 1]))
    loss.backward()
    optimiser.step()
    assert torch.isfinite(loss)
    moved = [bool((a != b).any()) for a, b in zip(before, model.parameters(), strict=True)]
    assert sum(moved) > len(moved) / 4  # what lies behind a BN that starts at 0 stands still for one step
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())


@pytest.mark.parametrize("command", picture_commands())
def test_a_picture_of_the_docs_is_the_one_that_its_command_draws(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(DOCS.parent.parent)
    *words, kept = command.split()
    if "--view" not in words and which("dot"):
        pytest.skip("a Graphviz program places graphs some pixels apart from Graphviz in process")
    again = tmp_path / "again.svg"
    assert run([*words, str(again)]) == 0
    assert again.read_text("utf-8") == (DOCS.parent.parent / kept).read_text("utf-8")
