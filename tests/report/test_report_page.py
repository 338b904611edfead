"""The report of a run: whole in one file, well-formed whatever the names, and right about its numbers."""

from __future__ import annotations

import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

import tsdsl
from tsdsl.cli.main import run
from tsdsl.data.settings import ClipSettings
from tsdsl.engine.recipe import TrainSettings
from tsdsl.engine.runs.directory import RunDirectory
from tsdsl.engine.training.record import KIND, TrainRecord
from tsdsl.files import write_json
from tsdsl.searching.record.outcome import Contender, SearchResult
from tsdsl.searching.record.run_record import RUN_KIND, STEP_KIND, RunRecord, step_directory
from tsdsl.searching.settings import SearchSettings, StepSettings

HOSTILE = "<script>alert('1')</script> & 'single' \\ </style> é 漢字 🎬 \u202enrut " + "x" * 200
VOID = {"meta", "input", "wbr"}


class Page(HTMLParser):
    """Checks that elements nest, and collects headings, ids, references and texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.kinds: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.kinds.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "src", "srcset", "xlink:href"):
                self.addresses.append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.kinds.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of which step 1 is finished, with a hostile title, and step 2 has begun."""
    tiny = tsdsl.load("std:tiny")
    steps = (replace(tiny.steps[0], title=HOSTILE), *tiny.steps[1:])
    space = replace(tiny, steps=steps)
    folder = tmp_path_factory.mktemp("runs") / "a run's <b>"
    record = RunRecord(space=space.name, fingerprint=space.fingerprint, data=HOSTILE, clips="0" * 16)
    RunDirectory(folder).record_settings(RUN_KIND, record)
    write_json(folder / "space.json", space.to_dict())
    clip = ClipSettings(num_frames=16, size_px=48)
    for index in (1, 2):
        settings = StepSettings(
            **SearchSettings(alpha_lr=0.5, batch_size=8).model_dump(),
            step_epochs=2,
            target_macs=space.steps[0].target_macs,
            classes=None,
            validation_fraction=0.5,
            clip=clip,
            num_classes=48,
            training_clips=10,
            validation_clips=10,
        )
        step_directory(folder, index).record_settings(STEP_KIND, settings)
    first = folder / "step1"
    found = next(space.sample(seed=0, step=1))
    write_json(first / "architecture.json", found.model_dump(mode="json"))
    changed, value = next(iter(found.decisions.items()))
    other = next(v for v in space.decision_by_path[changed].values if v != value)
    result = SearchResult(
        step=1,
        architecture=first / "architecture.json",
        flops=found.flops,
        target=8_000_000,
        entropy=1.5,
        seconds=3.25,
        samples=40,
        accuracy=0.25,
        views=1,
        log_probability=-1.0,
        selection="argmax",
        gap_nats=0.0,
        skipped_clips=0,
        skipped={},
        expected_loss=0.0123,
        best_share=0.75,
        top=(
            Contender(decisions=found.decisions, score=0.25, deviation=0.01),
            Contender(decisions=found.decisions | {changed: other}, score=0.125, deviation=0.02),
        ),
    )
    shares = {
        path: [1 / len(space.decision_by_path[path].values)] * len(space.decision_by_path[path].values)
        for path in space.steps[0].decisions
    }
    sure = {path: [1.0, *[0.0] * (len(values) - 1)] for path, values in shares.items()}
    alpha = [
        {"epoch": epoch, "iteration": epoch, "entropy": 2.0 - epoch, "expected_flops": 5e6, "probabilities": given}
        for epoch, given in enumerate((shares, sure))
    ]
    (first / "alpha.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in alpha))
    metrics = [{"iteration": n, "training/loss": 3.0 - n / 1000, "validation/accuracy": 0.1} for n in range(1, 901)]
    (first / "metrics.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in metrics))
    RunDirectory(first).write_result(result.model_dump(mode="json"))
    return folder


@pytest.fixture(scope="module")
def text(searched: Path) -> str:
    """The page as the command writes it."""
    assert run(["report", str(searched)]) == 0
    return (searched / "report.html").read_text()


def pictures(text: str) -> list[str]:
    """The outermost svg elements; a picture may have others in it."""
    found, depth, start = [], 0, 0
    for tag in re.finditer(r"<svg\b|</svg>", text):
        start = tag.start() if depth == 0 else start
        depth += 1 if tag[0] == "<svg" else -1
        if depth == 0:
            found.append(text[start : tag.end()])
    return found


def test_a_report_says_how_sure_a_step_is_and_what_comes_next(text: str) -> None:
    assert "is the best in 75% of the draws from the posterior; the best is expected to score 0.0123 more" in text
    rows = re.findall(r"<td>([+]0[^<]*)</td><td>([^<]*)</td>", text.replace("<wbr>", ""))
    assert [score for score, _ in rows] == ["+0.2500 ± 0.0196", "+0.1250 ± 0.0392"]
    assert rows[0][1] == "the architecture found"
    assert re.fullmatch(r"sparse\S* = \S+", rows[1][1])


def test_a_report_is_one_well_formed_file_that_fetches_nothing(text: str) -> None:
    page = Page(text)
    assert len(page.ids) == len(set(page.ids))
    assert all(address.startswith("#") and address[1:] in page.ids for address in page.addresses)
    assert page.kinds.count("script") == 2
    assert {"header", "nav", "main", "footer", "h1", "figure", "details", "caption"} <= set(page.kinds)
    assert '<html lang="en">' in text
    assert any(HOSTILE.replace("\u202e", "\ufffd") in shown for shown in page.texts)
    for svg in pictures(text):
        assert ElementTree.fromstring(svg) is not None


def test_a_report_tells_results_and_steps_that_are_not_finished(text: str) -> None:
    texts = Page(text).texts
    assert "25.0%" in texts
    assert "not finished" in texts
    assert "31,104" in texts
    command = next(text for text in texts if text.startswith("tsdsl search") and "--step 1" in text)
    assert command.endswith("--batch-size 8")
    assert "--set alpha_lr=0.5" in command


def test_without_a_script_the_last_epoch_is_shown_and_the_slider_has_all(text: str) -> None:
    data = json.loads(re.findall(r'<script type="application/json">(.*?)</script>', text)[0])
    assert data["epochs"] == [0, 1]
    assert data["shares"][0][0] == [500, 500]
    assert data["shares"][1][0] == [1000, 0]
    assert '<li style="--p:100.0" class=most>1 <b>100%</b></li>' in text
    assert '<div class="slider" hidden>' in text


def test_the_film_of_probabilities_has_what_its_script_moves_in_both_themes(text: str) -> None:
    data = json.loads(re.findall(r'<script type="application/json">(.*?)</script>', text)[0])
    films = [ElementTree.fromstring(svg) for svg in pictures(text) if 'class="decision"' in svg]
    assert len(films) == 2
    for film in films:
        by_class = {name: film.findall(f".//*[@class='{name}']") for name in ("decision", "now", "curve", "facts")}
        assert sorted(int(g.get("data-number", "-1")) for g in by_class["decision"]) == list(range(12))
        for decision in by_class["decision"]:
            cells = [child for child in decision if child.tag.endswith("}g")]
            assert len(cells) == len(data["shares"][0][int(decision.get("data-number", ""))])
        curve = by_class["curve"][0][0].get("points", "").split()
        assert len(curve) == len(data["epochs"]) == len(data["facts"]) == len(data["told"])
        assert by_class["facts"][0][0].text == data["facts"][-1]


def test_what_was_measured_stands_in_a_landscape_with_its_numbers_behind_it(text: str) -> None:
    landscapes = [svg for svg in pictures(text) if "accuracy against cost" in svg]
    assert len(landscapes) == 2
    assert all("step 1: 25.0%" in svg for svg in landscapes)
    section = text[text.index(">Accuracy against cost<") :]
    assert "found, with the shared weights of the search" in section
    assert "--view landscape</code>" in section


def test_a_title_cannot_turn_the_page_around(text: str) -> None:
    assert "\ufffdnrut" in text
    assert "\u202e" not in text


def test_long_curves_are_thinned_and_say_so(text: str) -> None:
    assert "(40 of 900 points)" in text
    assert max(points.count(",") for points in re.findall(r'points="([^"]*)"', text)) <= 600


def test_a_training_run_of_a_space_without_decisions_tells_of_a_network(tmp_path: Path) -> None:
    space = tsdsl.load("std:x3d")
    only = next(space.sample(seed=0))
    record = TrainRecord(
        settings=TrainSettings(epochs=1),
        space=space.name,
        fingerprint=space.fingerprint,
        decisions={},
        step=None,
        scale=next(model for model in space.models if model.name == "S"),
        classes=400,
        data={},
        iterations_per_epoch=1,
    )
    RunDirectory(tmp_path).record_settings(KIND, record)
    write_json(tmp_path / "architecture.json", only.model_dump(mode="json"))
    assert run(["report", str(tmp_path)]) == 0
    text = (tmp_path / "report.html").read_text()
    Page(text)
    assert "The network x3d has 1.963 GFLOPs per clip and 3,794,274 parameters." in text
    assert "found" not in text
    assert "Its decisions" not in text
    assert ">x3d: 1.963 GFLOPs at 160 px</text>" in text


def test_an_architecture_that_is_not_of_the_space_is_refused(
    searched: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(searched, copy)
    found = json.loads((copy / "step1" / "architecture.json").read_text())
    removed, _ = found["decisions"].popitem()
    (copy / "step1" / "architecture.json").write_text(json.dumps(found))
    assert run(["report", str(copy)]) == 3
    assert (
        f"architecture.json: is not an architecture of tiny: decision {removed} is missing" in capsys.readouterr().err
    )


def test_a_folder_without_a_run_and_another_ending_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", str(tmp_path)]) == 3
    assert "is not a run" in capsys.readouterr().err
    assert run(["report", str(tmp_path), "-o", "page.pdf"]) == 2
