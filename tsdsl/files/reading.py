"""Reading files that may come from anyone: regular files only, within limits, every fault a `FileError` with its place.

JSON and TOML values are what `json.loads` gives, but finite, without lone surrogates or repeated keys, at most
`MAX_DEPTH` deep, and with numbers of at most `MAX_DIGITS` characters.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from tsdsl.errors import FileError

MAX_BYTES = 16 * 2**20
"""Of a file that tsdsl itself writes, or a person; annotations of data sets and records of runs may be larger."""
MAX_LIST_BYTES = 128 * 2**20
MAX_TOML_BYTES = 64 * 2**10
MAX_DOTS = 200
"""In a line of TOML: the time that tomllib takes grows with the square of a dotted key's parts."""
MAX_DEPTH = 64
MAX_DIGITS = 40
KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?(?:\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|Infinity)|NaN|[\[\]{}:]')
LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
TOML_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)$")
_AS_UTF_8 = "save the file as UTF-8"
CHECK_PATH = "check the path and its permissions"

T = TypeVar("T")


def open_regular(path: str | Path, help: str = CHECK_PATH) -> BinaryIO:
    """A regular file opened for reading, without waiting for whoever is to write a pipe.

    Raises:
        FileError: it is missing, unreadable, a folder, a pipe, a socket or a device.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError) as error:  # ValueError: a NUL or a lone surrogate in the path
        raise _unreadable(path, error, help) from error
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        kind = next((name for is_kind, name in KINDS if is_kind(mode)), "not a regular file")
        raise FileError(f"{path}: is {kind}, expected a file", help=help)
    return os.fdopen(handle, "rb")


def require_regular(path: str | Path, help: str = CHECK_PATH) -> None:
    """Check a file that another library is to open by its path; FileError as `open_regular`."""
    open_regular(path, help).close()


def read_bytes(path: str | Path, help: str = CHECK_PATH, max_bytes: int = MAX_BYTES) -> bytes:
    """The content of a regular file.

    Raises:
        FileError: see `open_regular`; or it is larger than `max_bytes`.
    """
    try:
        with open_regular(path, help) as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise _unreadable(path, error, help) from error
    if len(data) > max_bytes:
        size = f"{max_bytes // 2**20} MiB" if max_bytes >= 2**20 else f"{max_bytes // 2**10} KiB"
        raise FileError(f"{path}: is larger than {size}", help=help)
    return data


def read_text(path: str | Path, help: str = CHECK_PATH, max_bytes: int = MAX_BYTES) -> str:
    """The text of a UTF-8 file, without a byte-order mark.

    Raises:
        FileError: see `read_bytes`; or it is not UTF-8.
    """
    return decode(read_bytes(path, help, max_bytes), str(path))


def decode(data: bytes, name: str, first_line: int = 1) -> str:
    """UTF-8 as text, a byte-order mark dropped; FileError names the line and the byte that is not UTF-8."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise FileError(f"{name}: is UTF-16, expected UTF-8", help=f"{_AS_UTF_8}, as by `iconv -f UTF-16 -t UTF-8`")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + first_line
        raise FileError(f"{name}:{line}: byte {error.start} is not UTF-8", help=_AS_UTF_8) from error


def read_json(path: str | Path, help: str = CHECK_PATH, max_bytes: int = MAX_BYTES) -> Any:
    """The value in a JSON file.

    Raises:
        FileError: see `read_text`; or it is not JSON within the limits, with line and column.
    """
    return parse_json(read_text(path, help, max_bytes), str(path), help)


def json_lines(
    path: str | Path, decoded: Callable[[Any], T], what: str, help: str, max_bytes: int = MAX_LIST_BYTES
) -> list[T]:
    """What `decoded` makes of each JSON line of a file, without a last line torn by a kill; none where there is none.

    `what` completes "is not a line of ...". `decoded` may raise ValueError, KeyError or TypeError.

    Raises:
        FileError: see `read_json`; or `decoded` refuses a line.
    """
    if not os.path.lexists(path):
        return []
    found = []
    # What follows the last newline is empty, or a line that a kill has torn.
    for number, line in enumerate(read_bytes(path, help, max_bytes).split(b"\n")[:-1], start=1):
        value = parse_json(decode(line, str(path), number), str(path), help, number)
        try:
            found.append(decoded(value))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise FileError(f"{path}:{number}: is not a line of {what} ({first_fault(error)})", help=help) from error
    return found


def parse_json(text: str, name: str, help: str, first_line: int = 1) -> Any:
    """The value of a JSON text that `name` names in errors.

    Raises:
        FileError: it is not JSON within the limits, with line and column.
    """
    try:
        value = json.loads(
            text, parse_int=_integer, parse_float=_float, parse_constant=_float, object_pairs_hook=_object
        )
        _check_values(value)
    except json.JSONDecodeError as error:
        place = f"{name}:{error.lineno + first_line - 1}:{error.colno}"
        raise FileError(f"{place}: is not JSON ({error.msg})", help=help) from error
    except (ValueError, RecursionError) as error:
        try:
            at, fault = _json_fault(text) or (0, str(error))
        except (ValueError, IndexError):  # what follows the fault need not be JSON
            at, fault = 0, str(error)
        line, column = text.count("\n", 0, at) + first_line, at - text.rfind("\n", 0, at)
        raise FileError(f"{name}:{line}:{column}: {fault}", help=help) from error
    return value


def read_toml(path: str | Path, help: str) -> tuple[str, dict[str, Any]]:
    """The text of a TOML file and its tables. Numbers that are not finite are left to whoever knows their setting.

    Raises:
        FileError: see `read_text`; or it is not TOML within the limits, with line and column where they are known.
    """
    import tomllib

    text = read_text(path, help, MAX_TOML_BYTES)
    for number, line in enumerate(text.split("\n"), start=1):
        if line.count(".") > MAX_DOTS:
            raise FileError(f"{path}:{number}: has more than {MAX_DOTS} dots", help=help)
    try:
        content = tomllib.loads(text)
        _check_values(content)
    except (ValueError, RecursionError) as error:
        message = str(error)
        if isinstance(error, RecursionError):
            message = f"lists or tables lie more than {MAX_DEPTH} deep"
        elif message.startswith("Exceeds the limit"):  # Python's own, of the digits of an integer
            message = f"a number has more than {MAX_DIGITS} digits"
        place = TOML_PLACE.search(message)
        where = f"{path}:{place[1]}:{place[2]}" if place is not None else str(path)
        raise FileError(f"{where}: is not TOML: {TOML_PLACE.sub('', message)}", help=help) from error
    return text, content


def first_fault(error: Exception) -> str:
    """The first thing that pydantic found wrong with a value, after its place in it; any other error's own text."""
    if not hasattr(error, "errors"):
        return f"{error} is missing" if isinstance(error, KeyError) else str(error)
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else str(first["msg"])


def _unreadable(path: str | Path, error: Exception, help: str) -> FileError:
    reason = getattr(error, "strerror", None) or error
    return FileError(f"{path}: cannot be read ({reason})", help=help)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key is given twice")
    return made


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number has more than {MAX_DIGITS} digits")
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if len(text) > MAX_DIGITS or value - value != 0:
        raise ValueError(f"{text[:MAX_DIGITS]} is not a finite number of at most {MAX_DIGITS} digits")
    return value


def _check_values(value: Any) -> None:
    """Refuse what lies too deep, half of a surrogate pair, and integers of too many digits."""
    level, depth = [value], 0
    while level:
        if depth >= MAX_DEPTH and any(isinstance(item, dict | list) for item in level):
            raise RecursionError
        depth += 1
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below += item
                below += item.values()
            elif isinstance(item, list):
                below += item
            elif isinstance(item, str):
                if LONE_SURROGATE.search(item):
                    raise ValueError("a string has half of a surrogate pair")
            elif isinstance(item, int) and item.bit_length() > MAX_DIGITS * 3.33:
                raise ValueError(f"a number has more than {MAX_DIGITS} digits")
        level = below


def _json_fault(text: str) -> tuple[int, str] | None:
    """Where a text that the parser took is beyond the limits, and how."""
    keys: list[set[str] | None] = []
    previous = (0, "")
    for match in TOKEN.finditer(text):
        at, token = match.start(), match[0]
        if token in "[{":
            keys.append(set() if token == "{" else None)
            if len(keys) > MAX_DEPTH:
                return at, f"lists or objects lie more than {MAX_DEPTH} deep"
        elif token in "]}":
            keys.pop()
        elif token == ":":
            own, key = keys[-1], json.loads(previous[1])
            if own is not None and key in own:
                return previous[0], f"the key {previous[1]} is given twice"
            if own is not None:
                own.add(key)
        elif token[0] == '"':
            if LONE_SURROGATE.search(json.loads(token)):
                return at, "the string has half of a surrogate pair"
        elif fault := _number_fault(token):
            return at, fault
        previous = (at, token)
    return None


def _number_fault(token: str) -> str | None:
    if len(token) > MAX_DIGITS:
        return f"the number has more than {MAX_DIGITS} digits"
    return None if abs(float(token)) < float("inf") else f"{token} is not a finite number"


def flattened(content: Mapping[str, Any]) -> dict[str, Any]:
    """Nested mappings as one with dotted names: `{"clip": {"flip": 1}}` as `{"clip.flip": 1}`."""
    flat: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{inner}": item for inner, item in flattened(value).items()}
        else:
            flat[name] = value
    return flat


def changes(given: Mapping[str, Any], recorded: Mapping[str, Any]) -> list[str]:
    """The differences of nested settings: `clip.rate is 2.0, was 1.0`; of lists, the first ones that differ."""
    now, before = flattened(given), flattened(recorded)
    return [
        _change(name, now.get(name), before.get(name))
        for name in sorted({*now, *before})
        if now.get(name) != before.get(name)
    ]


def _change(name: str, now: Any, before: Any) -> str:
    if isinstance(now, list) and isinstance(before, list) and len(now) == len(before):
        place = next(place for place, one in enumerate(now) if one != before[place])
        return f"{name}[{place}] is {now[place]!r}, was {before[place]!r}"
    return f"{name} is {now!r}, was {before!r}"
