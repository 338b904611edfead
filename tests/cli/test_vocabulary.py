"""One vocabulary: an option has one name, one type and one meaning in all commands, and each help fits 80 columns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, get_args

import pytest
import typer.main
from typer.testing import CliRunner

from tsdsl.cli.commands import COMMANDS, command_line
from tsdsl.cli.main import run

MEANINGS = {
    "--classes": "Number of random classes",
    "--data": "Data set; default",
    "--diff": "print",
    "--evaluations": "Architectures a search measures",
    "--force": "Overwrite",
    "--format": "Format of the",
    "--method": "thompson",
    "--number": "Number of",
    "--output": "File |Folder to write",
    "--run": "Folder of the run",
    "--seed": "Random seed",
    "--split": "Split to",
    "--step": "step",
    "--top": "Print so many of the best",
    "--weights": "Weights file",
    "--workers": "Processes",
}
"""What all help texts of an option say, where commands say more of it."""

SEVERAL_TYPES = {"--format", "--step"}
"""Each command has its own formats; a step is a number, and text where it may be `joint` or `all`."""

SAYS_NO_FACTS = {"check", "docs", "explain", "export", "fix", "fmt", "lsp", "new", "quickstart", "render", "report"}
"""Commands without --json: they write files or texts. `check --format json` has its own form."""


def commands(command: Any = None, names: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command with its name, those below others too."""
    command = command or typer.main.get_command(command_line())
    below = getattr(command, "commands", {})
    for name, one in below.items():
        yield from commands(one, (*names, name))
    if not below:
        yield " ".join(names), command


def options() -> dict[str, dict[str, Any]]:
    """Every option under its long name, by command."""
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for name, command in commands():
        for one in command.params:
            if one.param_type_name == "option" and not one.hidden:
                (long,) = (text for text in one.opts if text.startswith("--"))
                found[long][name] = one
    return found


def test_an_option_means_the_same_in_all_commands() -> None:
    for name, by_command in options().items():
        texts = {one.help for one in by_command.values()}
        meanings = MEANINGS.get(name, "").split("|")
        assert len(texts) == 1 or all(any(m and m in text for m in meanings) for text in texts), (name, texts)
    assert {name for name, found in options().items() if len({one.help for one in found.values()}) > 1} == set(MEANINGS)


def test_an_option_has_the_same_type_in_all_commands() -> None:
    for name, by_command in options().items():
        annotations = [one.type_descriptor.annotation for one in by_command.values()]
        types = {next(iter(get_args(annotation)), annotation) for annotation in annotations}  # of a list, its items
        assert len(types) == 1 or name in SEVERAL_TYPES, (name, types)


def test_a_short_name_is_that_of_one_option() -> None:
    long: dict[str, set[str]] = defaultdict(set)
    for name, by_command in options().items():
        for one in by_command.values():
            for text in one.opts:
                if not text.startswith("--"):
                    long[text].add(name)
    assert long == {"-n": {"--number"}, "-o": {"--output"}, "-q": {"--quiet"}, "-y": {"--yes"}}


def test_commands_that_print_facts_print_json() -> None:
    without = {name for name, _ in commands() if name not in options()["--json"]}
    assert without - {"weights import"} == SAYS_NO_FACTS


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_fits_80_columns(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 80)
    for name, described in commands():
        if name.split(" ")[0] == command:
            shown = CliRunner().invoke(command_line([command]), [*name.split(" "), "--help"], terminal_width=80).output
            assert max(map(len, shown.splitlines())) <= 80, name
            long = [one.opts for one in described.params if one.param_type_name == "option" and not one.hidden]
            assert all(any(text in shown for text in names) for names in long), name


@pytest.mark.parametrize(
    ("old", "new", "arguments"),
    [("--budget", "--within", ["inspect", "std:tiny"]), ("--flops", "--within", ["sample", "std:tiny"])],
)
def test_an_old_name_works_and_says_the_new_one(
    old: str, new: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*arguments, new, "..20M", "--json"] if arguments[0] == "sample" else [*arguments, new, "20M"]) == 0
    first = capsys.readouterr()
    assert run([*arguments, old, "..20M", "--json"] if arguments[0] == "sample" else [*arguments, old, "20M"]) == 0
    second = capsys.readouterr()
    assert second.out == first.out
    assert f"{old} is called {new} now" in second.err
    assert "is called" not in first.err


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["inspect", "--withn", "2"], "--within"),
        (["trian"], "train"),
        (["train", "--show-settings", "--set", "batchsize=2"], "batch_size"),
    ],
)
def test_the_near_name_is_suggested(arguments: list[str], meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    assert meant in capsys.readouterr().err
