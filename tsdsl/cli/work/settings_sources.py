"""Settings from a TOML file and options, each with its source, and their output as such a file.

Names of settings in tables are dotted: `clip.flip` is `flip` under `[clip]`.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from tsdsl.diagnostics.suggest import similar
from tsdsl.errors import UsageError
from tsdsl.files import flattened, read_toml

Settings = TypeVar("Settings", bound=BaseModel)
TABLE_LINE = re.compile(r"\s*\[\s*([\w.\"-]+)\s*\]")
KEY_LINE = re.compile(r"\s*([\w.\"-]+)\s*=")
TOML_HELP = "write NAME = VALUE on each line; strings need quotes, numbers, true and false do not"
COMMENT_WIDTH = 110
OPTIONS = {"num_workers": "--workers", "checkpoint_iterations": "--checkpoint-every", "weight_lr": "--learning-rate"}
FIXED_CLIP_SETTINGS = {
    "clip.stride": "it follows from the frames of the network",
    "clip.test_clips": "use `validation_views`, or --views of `tsdsl eval`",
    "clip.test_crops": "use `validation_views`, or --views of `tsdsl eval`",
}


@dataclass(frozen=True)
class Given:
    """The given values by dotted name, and the source of each: `search.toml:3` or `--epochs`."""

    values: Mapping[str, Any]
    places: Mapping[str, str]

    def of(self, settings: type[BaseModel]) -> dict[str, Any]:
        """The values that are settings of one model."""
        return {name: value for name, value in self.values.items() if name.split(".")[0] in settings.model_fields}

    def described(self) -> str:
        """All values and their sources on one line."""
        return ", ".join(f"{name} = {json.dumps(value)} ({self.places[name]})" for name, value in self.values.items())


def given_settings(file: Path | None, options: Mapping[str, Any], texts: list[str]) -> Given:
    """The settings of a file, overridden by options, overridden by `--set NAME=VALUE`.

    `options` are values by the name of the setting, None if not given. Values after `--set` are JSON, or else text.

    Raises:
        FileError: the file cannot be read or is not TOML.
        UsageError: a `--set` lacks `=` or is repeated, or a setting would have no effect.
    """
    values: dict[str, Any] = {}
    places: dict[str, str] = {}
    if file is not None:
        text, content = read_toml(file, TOML_HELP)
        lines = _lines_of_keys(text)
        for name, value in flattened(content).items():
            values[name] = value
            line = lines.get(name, lines.get(name.split(".")[0]))
            places[name] = str(file) if line is None else f"{file}:{line}"
    for name, value in options.items():
        if value is not None:
            values[name], places[name] = value, OPTIONS.get(name, f"--{name.replace('_', '-')}")
    seen: set[str] = set()
    for text in texts:
        name, equal, value = (part.strip() for part in text.partition("="))
        if not equal or not name:
            raise UsageError(f"--set must be NAME=VALUE, got `{text}`", help="for instance --set alpha_lr=0.1")
        if name in seen:
            raise UsageError(f"--set {text}: {name} is given twice", help="give it once")
        seen.add(name)
        try:
            values[name] = json.loads(value)
        except (ValueError, RecursionError):
            values[name] = value
        places[name] = f"--set {name}"
    for name, reason in FIXED_CLIP_SETTINGS.items():
        if name in values:
            raise UsageError(f"{places[name]}: {name}: has no effect here: {reason}", help="leave it out")
    return Given(values, places)


def fitted(settings: type[Settings], given: Given, beneath: Mapping[str, Any] | None = None) -> Settings:
    """The given settings over `beneath`, over the defaults. Types are strict: 1 is not true.

    Raises:
        UsageError: names each invalid setting, its source, and a similar name if it is unknown.
    """
    values = _nested({**flattened(beneath or {}), **given.values})
    try:
        return settings.model_validate_json(json.dumps(values, default=str), strict=True)
    except ValidationError as error:
        problems = _problems(error, settings, given)
        raise UsageError("; ".join(problems), help="--show-settings lists all settings and their defaults") from error


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `flattened`; a table replaces a plain value of the same name."""
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
    """The settings as a TOML file for `--settings`, each below its description and the origin of its default.

    Settings in tables are commented out unless given, because the data set decides their defaults.
    """
    parts = [f"# Settings of `tsdsl {command}`. Pass this file to --settings; other options override it.\n"]
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


def _lines_of_keys(text: str) -> dict[str, int]:
    """The line number of each setting of a valid file, by dotted name."""
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
    """One line for each invalid setting, in the order given."""
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
        shown = f" (got {json.dumps(given.values[name], default=str)})" if name in given.values else ""
        unknown = found[0].startswith("unknown")
        lines.append(
            ": ".join([*places[:1], *([name] if name else []), " or ".join(dict.fromkeys(found))])
            + ("" if unknown else shown)
        )
    return lines


def _setting_at(location: tuple[int | str, ...], settings: type[BaseModel]) -> str:
    """The dotted name of the setting that a location of pydantic names, without names of types."""
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
    """The message for an unknown setting, with similar names."""
    known = []
    for own, field in settings.model_fields.items():
        model = _table_of(field.annotation)
        known += [own] if model is None else [f"{own}.{inner}" for inner in model.model_fields]
    close = similar(name, known) or [full for full in known if full.rpartition(".")[2] == name]
    return "unknown setting" + (f"; did you mean {' or '.join(close)}?" if close else "")
