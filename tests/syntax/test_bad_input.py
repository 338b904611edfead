"""Texts and files that nobody means to write: a diagnostic or an error with the place, soon and in little memory."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import pytest

from tsdsl.check.check import check
from tsdsl.cli.main import run
from tsdsl.source import SourceFile

RIGHT = (Path(__file__).parent.parent.parent / "spaces" / "tiny.tsspace").read_text(encoding="utf-8")
NINES = "9" * 10_000
MAX_SECONDS = 60  # on any machine; they take a fraction of that

TEXTS = {
    "nothing": "",
    "white space": " \n\t\r\n",
    "only a comment": "# nothing",
    "NUL": "tsspace 1\n\x00\n",
    "control characters": "".join(map(chr, range(32))),
    "byte-order mark inside": "tsspace 1\n\ufeffspace s {}",
    "surrogate": "tsspace 1 \ud800",
    "emoji": "tsspace 1\nspace \N{GRINNING FACE} {}",
    "version of 10,000 digits": f"tsspace {NINES}",
    "classes of 10,000 digits": RIGHT.replace("classes = 48", f"classes = {NINES}"),
    "fraction of 10,000 digits": RIGHT.replace("dropout = 0.2", f"dropout = 0.{NINES}"),
    "kernel of 10,000 digits": RIGHT.replace("1x5x5", f"1x{NINES}x5"),
    "stage of 10,000 digits": RIGHT.replace("stage 0", f"stage {NINES}", 1),
    "index of 10,000 digits": RIGHT.replace("stage[1..2]", f"stage[1..{NINES}]"),
    "range of 10,000 digits": RIGHT.replace("32 .. 48 by 8", f"1 .. {NINES}"),
    "repeat of 10,000 digits": RIGHT.replace("channels = 4)", f"channels = 4) * {NINES}"),
    "target of 10,000 digits": RIGHT.replace("8 MFLOPs", f"{NINES} MFLOPs"),
    "factor of 10,000 digits": RIGHT.replace("2x }", f"{NINES}x }}"),
    "exponent of 10,000 digits": RIGHT.replace("classes = 48", f"classes = 1e{NINES}"),
    "range of a billion values": RIGHT.replace("32 .. 48 by 8", "1 .. 1000000000000"),
    "many braces": "tsspace 1\nspace s " + "{" * 100_000,
    "many parentheses": "tsspace 1\nspace s { x = a" + "(" * 100_000,
    "many choices in one another": "tsspace 1\nspace s { x = " + "{" * 20_000 + "}" * 20_000 + "}",
    "calls in one another": "tsspace 1\nspace s { x = " + "a(b = " * 20_000 + "1" + ")" * 20_000 + "}",
    "a selector of many parts": "tsspace 1\nspace s { x = a" + ".a" * 50_000 + " }",
    "a name of a million letters": RIGHT.replace("classes", "c" * 1_000_000),
    "many items": "tsspace 1\nspace s {\n" + "domain d = 1\n" * 5_000 + "}",
    "many mistakes": "tsspace 1\nspace s {\n" + "x = = 1\n" * 5_000 + "}",
    "domains of twice the one before": RIGHT.replace(
        "domain ",
        "domain d0 = {3, 5}\n" + "\n".join(f"domain d{i} = {{d{i - 1}, d{i - 1}}}" for i in range(1, 60)) + "\ndomain ",
        1,
    ),
    "domains in one another": RIGHT.replace(
        "domain ", "\n".join(f"domain d{i} = d{i + 1}" for i in range(5_000)) + "\ndomain ", 1
    ),
    "a constraint of many brackets": RIGHT.replace("head {", "require " + "(" * 20_000 + "flops <= 1 MFLOPs\nhead {"),
    "a chain of derivations": RIGHT + "".join(f"space s{i + 1} from s{i} {{}}\n" for i in range(5_000)),
    "more choices that meet than can be told": "tsspace 1\nspace s { classes = 4 size = 8\n"
    + "".join(
        f"stream a{i} {{ frames = 2 stage 0 {{ group conv3d(kernel = 1x1x1, channels = {{1, 2}}) }} }}\n"
        for i in range(30)
    )
    + "}",
    "a unit of a million letters": RIGHT.replace("8 MFLOPs", f"8 M{'f' * 1_000_000}LOPs"),
    "a number of 10,000 digits with its unit": RIGHT.replace("8 MFLOPs", f"{NINES}MFLOPs"),
    "a share of 10,000 digits": RIGHT.replace("0.2", f"{NINES}%"),
    "a list of 20,000 values in other brackets": RIGHT.replace("{none, glore}", "[" + "1, " * 20_000 + "2]"),
    "a list of 20,000 values in no brackets": RIGHT.replace("{none, glore}", "none, " * 20_000 + "none"),
    "a search in braces of 20,000 parts": RIGHT.replace("= sparse\n", "= {" + "sparse, " * 20_000 + "sparse}\n"),
    "20,000 words without commas": RIGHT.replace("= sparse\n", "= sparse" + " sparse" * 20_000 + "\n"),
    "20,000 misspelt keywords": RIGHT.replace("head {", "strem x { frames = ] 3 ; }\n" * 20_000 + "head {"),
    "a name of other letters": RIGHT.replace("sparse", "\N{GREEK SMALL LETTER ALPHA}" * 100_000),
    "comments that never end": RIGHT.replace("head {", "/* " * 100_000 + "head {"),
    "a path without quotes of a million letters": f"tsspace 1\nimport {'a' * 1_000_000}\n",
    "many unclosed strings": 'tsspace 1\n"\n' * 5_000,
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_bad_text_has_diagnostics_soon(name: str) -> None:
    began = time.process_time()
    memory_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = check(SourceFile("bad.tsspace", TEXTS[name])).diagnostics
    assert found
    assert all(len(d.message) < 500 and len(d.help or "") < 500 for d in found)
    assert time.process_time() - began < MAX_SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory_kib < 1024 * 1024


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        (b"", 1, "TS004"),
        (bytes(range(256)) * 16, 3, "is not UTF-8"),
        (b"tsspace 1\n# caf\xe9\n", 3, ":2: byte 15 is not UTF-8"),
        (b"\xff\xfet\x00s\x00", 3, "is UTF-16, expected UTF-8"),
        (b"x" * (50 * 2**20), 3, "is larger than 8 MiB"),
        (b"\xef\xbb\xbf" + RIGHT.encode(), 0, ""),
        (RIGHT.replace("\n", "\r\n").encode(), 0, ""),
        (RIGHT.replace("\n", "\r\n").replace("frames = 16", "frames = 0").encode(), 1, ":32:14: error[TS202]"),
        (None, 3, "contains no .tsspace file"),
    ],
    ids=["empty", "binary", "latin", "utf-16", "50 MB", "bom", "crlf", "crlf mistake", "folder"],
)
def test_a_bad_file_is_told_by_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: bytes | None, code: int, message: str
) -> None:
    path = tmp_path / "bad.tsspace"
    if data is None:
        path.mkdir()
    else:
        path.write_bytes(data)
    assert run(["check", "--format", "concise", str(path)]) == code
    captured = capsys.readouterr()
    assert message in captured.out + captured.err
    assert not message or "bad.tsspace" in captured.out + captured.err


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no device without an end here")
def test_a_device_is_refused_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "endless.tsspace").symlink_to("/dev/zero")
    assert run(["check", str(tmp_path / "endless.tsspace")]) == 3
    assert "is a device, expected a file" in capsys.readouterr().err
