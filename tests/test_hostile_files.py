"""No file that comes back from disk ends in a defect: it is read, or refused with its name, the place and a remedy."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

import tsdsl
from support.binary_formats import BINARY_NAMES, binary_formats
from support.micro_runs import SPACE
from support.mutations import Format, formats, write
from tsdsl.check.check import check
from tsdsl.cli.main import run
from tsdsl.source import SourceFile
from tsdsl.space.model import Space
from tsdsl.space.stored import strictly

NAMES = (*formats(), *BINARY_NAMES)


@pytest.fixture(scope="module")
def every_format() -> dict[str, Format]:
    """By name; the binary ones take seconds to write."""
    found = {**formats(), **binary_formats()}
    assert tuple(found) == NAMES
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_read_as_it_was_written(every_format: dict[str, Format], tmp_path: Path, name: str) -> None:
    one = every_format[name]
    write(tmp_path, one, one.content)
    verified = 1 if one.name == "net.py" else 0  # it has nothing but its provenance
    assert [probe(tmp_path) for probe in one.probes] == [0, *[verified] * (len(one.probes) - 1)]


@pytest.mark.parametrize("name", NAMES)
def test_mutated_files_end_in_no_defect(
    every_format: dict[str, Format], tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    one = every_format[name]
    for seed in range(20):
        content = one.mutated(Random(f"{name}/{seed}"))
        write(tmp_path, one, content)
        for probe in one.probes:
            code = probe(tmp_path)
            assert code in (0, 1, 2, 3, 4), (seed, content[:2000], capsys.readouterr().err[-500:])


def test_code_in_the_name_of_a_stream_is_refused_by_export_and_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code = '__dict__[getattr(__import__("os"), "system")("touch ran")]'
    (resolved,) = check(SourceFile("micro.tsspace", SPACE)).spaces

    def hostile(value: object) -> Any:
        return json.loads(json.dumps(value).replace("sparse", code.replace('"', '\\"')))

    space = hostile(resolved.space.to_dict())
    architecture = hostile(next(tsdsl.Space.of(resolved.space).sample(seed=1)).model_dump(mode="json"))
    architecture["fingerprint"] = strictly(Space, space).fingerprint
    (tmp_path / "space.json").write_text(json.dumps(space))
    (tmp_path / "architecture.json").write_text(json.dumps(architecture))
    assert run(["export", "architecture.json", "-o", "net.py"]) == 3
    assert "streams.0.name" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["architecture.json", "space.json"]
