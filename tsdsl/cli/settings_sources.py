"""Settings from a TOML file and from flags, told where each came from, and written out as such a file.

Names are dotted where a setting lies in a table: `clip.flip` is `flip` under `[clip]`.
"""

from __future__ import annotations

import json
import re
import textwrap
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from tsdsl.errors import FileError, UsageError
from tsdsl.space.resolve.context import similar

Settings = TypeVar("Settings", bound=BaseModel)
TABLE_LINE = re.compile(r"\s*\[\s*([\w.\"-]+)\s*\]")
KEY_LINE = re.compile(r"\s*([\w.\"-]+)\s*=")
TOML_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)$")
COMMENT_WIDTH = 110
FIXED_CLIP_SETTINGS = {
    "clip.stride": "it follows from the frames that the network takes",
    "clip.test_clips": "views are given as `validation_views`, and to `tsdsl eval` as --views",
    "clip.test_crops": "views are given as `validation_views`, and to `tsdsl eval` as --views",
}


@dataclass(frozen=True)
class Given:
    """What was given: values by dotted name, and for each where it stands, as `search.toml:3` or `--epochs`."""

    values: Mapping[str, Any]
    places: Mapping[str, str]

    def of(self, settings: type[BaseModel]) -> dict[str, Any]:
        """The part that is settings of one model."""
        return {name: value for name, value in self.values.items() if name.split(".")[0] in settings.model_fields}

    def described(self) -> str:
        """One line that names every value and its place."""
        return ", ".join(f"{name} = {json.dumps(value)} ({self.places[name]})" for name, value in self.values.items())


def given_settings(file: Path | None, flags: Mapping[str, tuple[str, Any]], texts: list[str]) -> Given:
    """What a settings file, flags and `--set NAME=VALUE` give; of a name given twice the later of these counts.

    `flags` are, by the setting's name, the flag and its value, None where it was not given. Values after `--set`
    are JSON, or else plain text.

    Raises:
        FileError: the file cannot be read or is no TOML.
        UsageError: a `--set` has no `=` or is given twice, or a setting would have no effect.
    """
    values: dict[str, Any] = {}
    places: dict[str, str] = {}
    if file is not None:
        text, content = _read(file)
        lines = _lines_of_keys(text)
        for name, value in flattened(content).items():
            values[name] = value
            line = lines.get(name, lines.get(name.split(".")[0]))
            places[name] = str(file) if line is None else f"{file}:{line}"
    for name, (flag, value) in flags.items():
        if value is not None:
            values[name], places[name] = value, flag
    seen: set[str] = set()
    for text in texts:
        name, equal, value = (part.strip() for part in text.partition("="))
        if not equal or not name:
            raise UsageError(f"--set {text}: is not NAME=VALUE", help="for instance --set alpha_lr=0.1")
        if name in seen:
            raise UsageError(f"--set {text}: {name} is given twice", help="give it once")
        seen.add(name)
        try:
            values[name] = json.loads(value)
        except json.JSONDecodeError:
            values[name] = value
        places[name] = f"--set {name}"
    given = Given(values, places)
    _refuse_fixed_clip_settings(given)
    return given


def fitted(settings: type[Settings], given: Given, beneath: Mapping[str, Any] | None = None) -> Settings:
    """The settings: what was given over `beneath`, and defaults for the rest. Types are strict: 1 is not true.

    Raises:
        UsageError: names each setting that does not fit, where it stands, and the similar name if it is unknown.
    """
    values = nested({**flattened(beneath or {}), **given.values})
    try:
        return settings.model_validate_json(json.dumps(values, default=str), strict=True)
    except ValidationError as error:
        problems = _problems(error, settings, given)
        raise UsageError(
            "; ".join(problems), help="--show-settings lists all settings, their defaults and why"
        ) from error


def _refuse_fixed_clip_settings(given: Given) -> None:
    """Refuses clip settings that would have no effect, saying by what they are fixed."""
    for name, reason in FIXED_CLIP_SETTINGS.items():
        if name in given.values:
            raise UsageError(f"{given.places[name]}: {name}: has no effect here: {reason}", help="leave it out")


def flattened(content: Mapping[str, Any]) -> dict[str, Any]:
    """Tables of tables as one, with dotted names."""
    flat: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{inner}": item for inner, item in flattened(value).items()}
        else:
            flat[name] = value
    return flat


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The reverse of `flattened`; a table takes the place of a plain value of the same name."""
    content: dict[str, Any] = {}
    for name, value in flat.items():
        *tables, last = name.split(".")
        place = content
        for table in tables:
            if not isinstance(place.get(table), dict):
                place[table] = {}
            place = place[table]
        place[last] = value
    return content


def settings_text(command: str, settings: BaseModel, given: Given) -> str:
    """The settings as a TOML file that `--settings` reads, each below what it is and where its default is from.

    In a table what was not given is commented out: it is the data set's to say.
    """
    parts = [f"# Settings of `tsdsl {command}`. Give this file with --settings; flags override it.\n"]
    tables = []
    for name, field in type(settings).model_fields.items():
        model = _table_of(field.annotation)
        if model is None:
            parts.append(_entry(name, settings, is_set=getattr(settings, name) is not None))
            continue
        tables.append(f"{_comment(field.description)}\n[{name}]\n")
        table = getattr(settings, name) or model()
        names = [inner for inner in model.model_fields if f"{name}.{inner}" not in FIXED_CLIP_SETTINGS]
        tables += [_entry(inner, table, is_set=f"{name}.{inner}" in given.values) for inner in names]
    return "\n".join(parts + tables)


def _entry(name: str, settings: BaseModel, *, is_set: bool) -> str:
    value = settings.model_dump(mode="json")[name]
    line = f"{name} = {'' if value is None else json.dumps(value)}".rstrip()
    return f"{_comment(type(settings).model_fields[name].description)}\n{'' if is_set else '# '}{line}\n"


def _comment(description: str | None) -> str:
    text = " ".join((description or "").split())
    return textwrap.fill(text, COMMENT_WIDTH, initial_indent="# ", subsequent_indent="# ")


def _table_of(annotation: Any) -> type[BaseModel] | None:
    """The model in an annotation such as `ClipSettings | None`."""
    for candidate in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _read(file: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = file.read_text(encoding="utf-8")
        return text, tomllib.loads(text)
    except OSError as error:
        raise FileError(f"{file}: cannot be read ({error.strerror})", help="give a settings file") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        message = str(error)
        place = TOML_PLACE.search(message)
        where = f"{file}:{place[1]}:{place[2]}" if place is not None else str(file)
        raise FileError(
            f"{where}: is not TOML: {TOML_PLACE.sub('', message)}",
            help="write NAME = VALUE on each line; texts in quotes, true or false, numbers plain",
        ) from error


def _lines_of_keys(text: str) -> dict[str, int]:
    """The line on which each setting of a valid file stands, by dotted name."""
    found: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if match := TABLE_LINE.match(line):
            table = match[1].replace('"', "") + "."
            found.setdefault(table[:-1], number)
        elif match := KEY_LINE.match(line):
            found.setdefault(table + match[1].replace('"', ""), number)
    return found


def _problems(error: ValidationError, settings: type[BaseModel], given: Given) -> list[str]:
    """One line for each setting that does not fit, in the order in which they were given."""
    reasons: dict[str, list[str]] = {}
    for item in error.errors():
        name = _setting_at(item["loc"], settings)
        if item["type"] == "extra_forbidden":
            reasons.setdefault(name, []).append(_unknown(name, settings))
        else:
            reason = item["msg"].removeprefix("Value error, ")
            reasons.setdefault(name, []).append(reason[:1].lower() + reason[1:])
    order = {key: rank for rank, key in enumerate(given.places)}
    lines = []
    for name in sorted(reasons, key=lambda name: order.get(name, len(order))):
        found = reasons[name]
        places = [place for key, place in given.places.items() if key == name or key.startswith(f"{name}.")]
        shown = f" (it is {json.dumps(given.values[name], default=str)})" if name in given.values else ""
        unknown = found[0].startswith("there is no")
        lines.append(
            ": ".join([*places[:1], *([name] if name else []), " or ".join(dict.fromkeys(found))])
            + ("" if unknown else shown)
        )
    return lines


def _setting_at(location: tuple[int | str, ...], settings: type[BaseModel]) -> str:
    """The dotted name of the setting at which pydantic found a problem, without the parts that name types."""
    names: list[str] = []
    model: type[BaseModel] | None = settings
    for part in location:
        if model is None or not isinstance(part, str):
            break
        names.append(part)
        field = model.model_fields.get(part)
        model = None if field is None else _table_of(field.annotation)
    return ".".join(names)


def _unknown(name: str, settings: type[BaseModel]) -> str:
    """That there is no such setting, with the most similar ones."""
    known = []
    for own, field in settings.model_fields.items():
        model = _table_of(field.annotation)
        known += [own] if model is None else [f"{own}.{inner}" for inner in model.model_fields]
    close = similar(name, known) or [full for full in known if full.rpartition(".")[2] == name]
    return "there is no such setting" + (f"; did you mean {' or '.join(close)}?" if close else "")
