"""One reader for files: whatever is wrong with one is a `FileError` that names the file and the place, at once."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tsdsl.errors import FileError
from tsdsl.files import json_lines, read_json, read_text, read_toml
from tsdsl.files.reading import MAX_DEPTH, MAX_DIGITS, MAX_TOML_BYTES

HELP = "restore it"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", r"1:1: is not JSON"),
        ("{\n,}", r"2:1: is not JSON"),
        ('{"a": 1,\n "a": 2}', r'2:2: the key "a" is given twice'),
        ('{"a": {"b": 1},\n "b": {"b": 1, "\\u0062": 2}}', r'2:16: the key "\\u0062" is given twice'),
        ('["NaN", "\\"NaN",\n NaN]', r"2:2: NaN is not a finite number"),
        ("[1, -Infinity]", r"1:5: -Infinity is not a finite number"),
        ("[1e999]", r"1:2: 1e999 is not a finite number"),
        (f"[1{'0' * MAX_DIGITS}]", r"1:2: the number has more than 40 digits"),
        (f"[1{'0' * 100_000}]", r"1:2: the number has more than 40 digits"),
        (f"[0.{'1' * MAX_DIGITS}]", r"1:2: the number has more than 40 digits"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), r"1:65: lists or objects lie more than 64 deep"),
        ("[" * 100_000, r"1:65: lists or objects lie more than 64 deep"),
        ('{"a":' * 100_000, r"1:321: lists or objects lie more than 64 deep"),
        ('["\\ud83d\\ude00", "\\ud83d"]', r"1:18: the string has half of a surrogate pair"),
        ("[1e999, 1.2.3e5e, NaN]", r"1:2: 1e999 is not a finite number"),
        (f'{{"a": 1-2, "b": 1{"0" * 50}', r"1:8: is not JSON"),
        ('{"b": {"a": 1, "a": 1}, "c": 1-\\x}', r"1:16: the key"),
        ('{"\\ud83d": 1}', r"1:2: the string has half of a surrogate pair"),
    ],
)
def test_json_beyond_the_limits_is_refused_with_line_and_column(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(FileError, match=rf"^{path}:{fault}") as caught:
        read_json(path, HELP)
    assert caught.value.help == HELP


def test_json_within_the_limits_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('\ufeff{"a": ["\\ud83d\\ude00", 1, 1.0, true, null, "[{\\"a\\": NaN"], "b": {"a": 1}}')
    assert read_json(path) == {"a": ["\U0001f600", 1, 1.0, True, None, '[{"a": NaN'], "b": {"a": 1}}
    path.write_text("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert isinstance(read_json(path), list)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a = 1\nb = [1 2]", ":2:8: is not TOML"),
        (f"a = {'9' * 5000}", ": is not TOML: a number has more than 40 digits"),
        (f"a = 0x{'f' * 5000}", ": is not TOML: a number has more than 40 digits"),
        (f"a = {'[' * 20_000}", ": is not TOML: lists or tables lie more than 64 deep"),
        (f"a{'.a' * MAX_DEPTH} = 1", ": is not TOML: lists or tables lie more than 64 deep"),
        (f"b = 1\na{'.a' * 20_000} = 1", ":2: has more than 200 dots"),
        ("# \n" * MAX_TOML_BYTES, ": is larger than 64 KiB"),
    ],
)
def test_toml_beyond_the_limits_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(FileError, match=rf"^{path}{fault}"):
        read_toml(path, HELP)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b'{"n": 1}\n{"n": 2\n', ":2:8: is not JSON"),
        (b'{"n": 1}\n{"m": 2}\n', r":2: is not a line of numbers \('n' is missing\)"),
        (b'{"n": 1}\n[]\n', ":2: is not a line of numbers"),
        (b'{"n": 1}\n\n{"n": 2}\n', ":2:1: is not JSON"),
        (b'{"n": 1}\n{"n": NaN}\n', ":2:7: NaN is not a finite number"),
        (b'{"n": 1}\n{"n": "\xff"}\n', ":2: byte 7 is not UTF-8"),
    ],
)
def test_a_damaged_json_line_is_named(tmp_path: Path, content: bytes, fault: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(FileError, match=rf"^{path}{fault}"):
        json_lines(path, lambda line: line["n"], "numbers", HELP)


@pytest.mark.parametrize("torn", [b"", b'{"n": 2', b'{"n": 2}', b'{"n": "\xc3'])
def test_the_last_json_line_may_be_torn(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "a.jsonl"
    assert json_lines(path, lambda line: line["n"], "numbers", HELP) == []
    path.write_bytes(b'{"n": 1}\n' + torn)
    assert json_lines(path, lambda line: line["n"], "numbers", HELP) == [1]


def test_text_that_is_not_utf8_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"a\nb\xe9\n")
    with pytest.raises(FileError, match=rf"^{path}:2: byte 3 is not UTF-8"):
        read_text(path)


def test_only_regular_files_are_read_and_nothing_waits_for_a_writer(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        for path, fault in [
            (tmp_path, "is a folder, expected a file"),
            (pipe, "is a named pipe, expected a file"),
            (link, "is a named pipe, expected a file"),
            (tmp_path / "socket", "cannot be read"),
            (Path("/dev/null"), "is a device, expected a file"),
            (tmp_path / "none", "cannot be read"),
            (Path("a\0b"), "cannot be read"),
            (Path("\ud800"), "cannot be read"),
        ]:
            with pytest.raises(FileError, match=fault):
                read_text(path)
