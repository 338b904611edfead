"""No file that comes back from disk ends in a defect: it is read, or refused with its name, the place and a remedy."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from support.mutations import formats, mutated, write

FORMATS = formats()


@pytest.mark.parametrize("name", FORMATS)
def test_the_file_is_read_as_it_was_written(tmp_path: Path, name: str) -> None:
    one = FORMATS[name]
    write(tmp_path, one, one.content.encode())
    verified = 1 if one.name == "net.py" else 0  # it has nothing but its provenance
    assert [probe(tmp_path) for probe in one.probes] == [0, *[verified] * (len(one.probes) - 1)]


@pytest.mark.parametrize("name", FORMATS)
def test_mutated_files_end_in_no_defect(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    one = FORMATS[name]
    for seed in range(20):
        content = mutated(one.content, Random(f"{name}/{seed}"))
        write(tmp_path, one, content)
        for probe in one.probes:
            code = probe(tmp_path)
            assert code in (0, 1, 2, 3, 4), (seed, content[:2000], capsys.readouterr().err[-500:])
