"""What a notebook and a prompt show of a space and an architecture."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import tsdsl
from support.search_spaces import TINY, load_text
from tsdsl.errors import RunError

PICTURE = re.compile(r'<img alt="([^"]*)" style="max-width: 100%" src="data:image/svg\+xml;base64,([^"]*)">')


def test_a_space_is_one_line(tiny: tsdsl.Space, auto_tsnet: tsdsl.Space) -> None:
    assert repr(tiny) == "<Space tiny: 2 streams, 30 decisions, 110,075,314,176 architectures, 3 steps>"
    assert "9.50e56 architectures, 3 steps" in repr(auto_tsnet)


def test_a_constrained_space_says_that_constraints_are_not_counted(tmp_path: Path) -> None:
    text = TINY.replace("  head {", "  require dense.flops <= 0.5 * sparse.flops\n  head {")
    assert "288 architectures before 1 constraint, " in repr(load_text(tmp_path, text))


def test_an_architecture_is_one_line(tiny: tsdsl.Space) -> None:
    architecture = next(tiny.sample(step=1))
    macs, params = architecture.flops, architecture.params
    assert macs is not None
    assert params is not None
    expected = f"<Architecture of tiny: 12 decisions, {macs / 1e6:.4g} MFLOPs, {params / 1e3:.4g} Kparams, step 1>"
    assert repr(architecture) == str(architecture) == expected
    bare = tsdsl.Architecture(space="tiny", fingerprint=tiny.fingerprint, decisions={"a": 1})
    assert repr(bare) == "<Architecture of tiny: 1 decision>"


def test_a_space_shows_its_steps_costs_and_drawing(tiny: tsdsl.Space) -> None:
    html = tiny._repr_html_()
    assert "48 classes, 48 px, 7.432 MFLOPs to 41.35 MFLOPs a clip" in html
    row = "<td>1</td><td>sparse stream</td><td>31,104</td><td>3.456 MFLOPs to 12.1 MFLOPs</td><td>8 MFLOPs</td>"
    assert row in html
    ((spoken, data),) = PICTURE.findall(html)
    assert spoken == "the space tiny"
    assert base64.b64decode(data).startswith(b"<svg")


def test_what_a_file_says_is_text_and_not_html(tiny: tsdsl.Space) -> None:
    title = "<script>alert(1)</script>"
    html = replace(tiny, steps=(replace(tiny.steps[0], title=title),))._repr_html_()
    assert title not in html
    assert "&lt;script&gt;" in html
    architecture = tsdsl.Architecture(space="other", fingerprint="", decisions={title: title})
    assert title not in architecture._repr_html_()


def test_costs_that_cannot_be_computed_are_replaced_by_the_reason(
    tiny: tsdsl.Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RunError("too entangled", help="simplify")

    monkeypatch.setattr("tsdsl.library.html.CostTable", refuse)
    monkeypatch.setattr("tsdsl.library.html.draw_space", refuse)
    html = tiny._repr_html_()
    assert "too entangled" in html
    assert "<img" not in html


def test_an_architecture_shows_its_figure_only_where_its_space_is_known(tiny: tsdsl.Space) -> None:
    architecture = next(tiny.sample())
    html = architecture._repr_html_()
    ((spoken, data),) = PICTURE.findall(html)
    assert spoken == "an architecture of tiny"
    assert base64.b64decode(data).startswith(b"<svg")
    path, value = next(iter(architecture.decisions.items()))
    assert f"<tr><td>{path}</td><td>{value}</td></tr>" in html
    for stranger in ({"fingerprint": "0" * 16}, {"space": "mine"}):
        assert "<img" not in tsdsl.Architecture.of(architecture.model_copy(update=stranger))._repr_html_()


def test_importing_tsdsl_imports_nothing_of_this() -> None:
    code = "import tsdsl, sys; tsdsl.load('std:tiny'); assert 'tsdsl.library.html' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
