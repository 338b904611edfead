"""The site builds without warnings, needs nothing from elsewhere, and leads to answers of a newcomer's questions."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

import tsdsl
from support.gallery import CARDS
from tsdsl.cli.commands import COMMANDS
from tsdsl.diagnostics import CODES

ROOT = Path(__file__).parent.parent
ELSEWHERE = re.compile(r"(\w+:)?//|mailto:")
LOADED = {"script": "src", "img": "src", "iframe": "src", "link": "href", "source": "src"}

# What a newcomer asks, and words of the answer: in the section that a link of the first page leads to.
ANSWERS = {
    "own csv": "metadata.csv",
    "frames folder": "frames_fps",
    "more epochs": "--epochs 40",
    "latency": "milliseconds",
    "W&B": "--log wandb",
    "top 5": "--top 5",
    "only fusion": "slow, fast, fusion",
    "export to phone": "Android",
    "several GPUs": "torchrun",
    "what is a nat": "natural logarithms",
}


class Read(HTMLParser):
    """What a page holds: its text in pieces, each with the ids before it; its links; what it loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text = ""
        self.ids: dict[str, int] = {"": 0}
        self.headings: list[tuple[int, int]] = []
        self.links: list[str] = []
        self.links_of_text: list[str] = []
        self.loads: list[str] = []
        self.in_article = False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.in_article |= tag == "article"
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((len(self.text), int(tag[1])))
        if "id" in values:
            self.ids[values["id"]] = len(self.text)
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
            self.links_of_text += [values["href"]] * self.in_article
        if LOADED.get(tag) in values:
            self.loads.append(values[LOADED[tag]])

    def handle_data(self, data: str) -> None:
        self.text += data if self.in_article else ""

    def section(self, anchor: str) -> str:
        """The text from an anchor to the next heading of its level or above; of none, the page."""
        start = self.ids[anchor]
        own = next((level for place, level in self.headings if place >= start), 1)
        ends = (place for place, level in self.headings if place > start and level <= own)
        return self.text[start : next(ends, len(self.text)) if anchor else len(self.text)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site, built strictly."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, "WARNING" in done.stderr) == (0, False), done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Read]:
    return {path: Read(path) for path in site.rglob("*.html") if path.name != "404.html"}


def test_no_page_loads_anything_from_elsewhere(site: Path, pages: dict[Path, Read]) -> None:
    assert pages
    for path, page in pages.items():
        assert [address for address in page.loads if ELSEWHERE.match(address)] == [], path
    for style in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*['\"]?(https?:)?//", style.read_text(encoding="utf-8")), style


def test_every_link_leads_to_a_file_and_a_place_in_it(pages: dict[Path, Read]) -> None:
    for path, page in pages.items():
        for link in (*page.links, *page.loads):
            if ELSEWHERE.match(link):
                continue
            address, anchor = urldefrag(link)
            target = Path(os.path.normpath(path.parent / unquote(address))) if address else path
            assert target.is_file() or (target / "index.html").is_file(), f"{path}: {link}"
            if anchor and target in pages:
                assert unquote(anchor) in pages[target].ids, f"{path}: {link}"


@pytest.mark.parametrize("question", ANSWERS)
def test_a_newcomers_question_is_answered_one_click_from_the_first_page(
    question: str, site: Path, pages: dict[Path, Read]
) -> None:
    sections = []
    for link in pages[site / "index.html"].links_of_text:
        address, anchor = urldefrag(link)
        if address and (target := site / address) in pages:
            sections.append(pages[target].section(anchor) if anchor else pages[target].text)
    assert any(ANSWERS[question] in section for section in sections)


def test_lists_are_lists(site: Path, pages: dict[Path, Read]) -> None:
    for path in pages:
        assert not re.search(r"<p>[^<]*\n- ", path.read_text(encoding="utf-8")), path


def test_commands_codes_and_the_library_are_described_in_full(site: Path, pages: dict[Path, Read]) -> None:
    assert {f"tsdsl-{name}" for name in COMMANDS} <= set(pages[site / "commands.html"].ids)
    assert "--format <rich|concise|json|sarif>" in pages[site / "commands.html"].text
    assert {f"{code}.html" for code in CODES} <= set(pages[site / "codes" / "index.html"].links)
    assert {f"tsdsl.{name}" for name in tsdsl.__all__ if name[0] != "_"} <= set(pages[site / "api.html"].ids)


def test_the_gallery_has_every_shipped_space() -> None:
    assert sorted(card.file for card in CARDS) == sorted(path.stem for path in (ROOT / "spaces").glob("*.tsspace"))


def test_the_language_is_coloured_by_its_own_words(site: Path) -> None:
    assert '<span class="k">stream</span>' in (site / "language.html").read_text(encoding="utf-8")
