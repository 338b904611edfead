"""Settings from files and options: precedence, messages for mistakes, and printing that reads back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tsdsl.cli.main import run
from tsdsl.cli.work.settings_sources import fitted, given_settings, settings_text
from tsdsl.data.settings import ReadingSettings
from tsdsl.engine.recipe import EvaluateSettings, TrainOptions, TrainSettings
from tsdsl.errors import FileError, UsageError
from tsdsl.searching.settings import Cadence, DataSettings, SearchOptions, SearchSettings

FILE = """# a search
alpha_lr = 0.1
samples = "adaptive"  # K
classes = 100

[clip]
flip = false
jitter_px = [170, 200]
"""
SOURCES = ("paper", "parsec", "fp-nas", "spos", "real et al", "bignas", "attentivenas", "slowfast", "x3d", "own ")


def written(folder: Path, text: str) -> Path:
    path = folder / "search.toml"
    path.write_text(text)
    return path


def test_a_file_sets_flags_override_it_and_set_overrides_flags(tmp_path: Path) -> None:
    file = written(tmp_path, FILE)
    options = fitted(SearchOptions, given_settings(file, {"seed": None}, []))
    assert (options.alpha_lr, options.samples, options.classes) == (0.1, "adaptive", 100)
    assert options.clip is not None
    assert (options.clip.flip, options.clip.jitter_px) == (False, (170, 200))
    flags = {"samples": 4, "classes": 10}
    given = given_settings(file, flags, ["classes=5", "clip.rate=1.5"])
    options = fitted(SearchOptions, given)
    assert (options.alpha_lr, options.samples, options.classes) == (0.1, 4, 5)
    assert options.clip is not None
    assert (options.clip.flip, options.clip.rate) == (False, 1.5)
    assert given.places["alpha_lr"] == f"{file}:2"
    assert given.places["clip.jitter_px"] == f"{file}:8"
    assert "samples = 4 (--samples), classes = 5 (--set classes)" in given.described()


def test_a_file_changes_only_what_it_names_of_what_lies_beneath(tmp_path: Path) -> None:
    beneath = {"seed": 7, "clip": {"rate": 4.0, "flip": True}}
    options = fitted(SearchOptions, given_settings(written(tmp_path, FILE), {}, []), beneath)
    assert options.seed == 7
    assert options.clip is not None
    assert (options.clip.rate, options.clip.flip) == (4.0, False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("alpha_lr = 0.1\nalpa_lr = 1", r"search\.toml:2: alpa_lr: unknown setting; did you mean alpha_lr"),
        ("\nalpha_lr = -1", r"search\.toml:2: alpha_lr: input should be greater than 0 \(got -1\)"),
        ("alpha_lr = inf", r"search\.toml:1: alpha_lr: input should be a finite number"),
        ('score = "acuracy"', r"search\.toml:1: score: input should be 'accuracy' or 'likelihood'.*acuracy"),
        ("epochs = true", r"search\.toml:1: epochs: input should be a valid integer \(got true\)"),
        ('epochs = "3"', r"search\.toml:1: epochs: input should be a valid integer"),
        ("epochs = 2020-01-01", r"search\.toml:1: epochs: input should be a valid integer"),
        ("[clip]\nrat = 2.0", r"search\.toml:2: clip\.rat: unknown setting; did you mean clip\.rate"),
        ("[clip]\n\nsize_px = 2", r"search\.toml:3: clip\.size_px: input should be greater than or equal to 8"),
        ("[clip]\nsize_px = 100\njitter_px = [5, 6]", r"search\.toml:2: clip: jitter_px must ascend .*got \(5, 6\)"),
        ("flip = false", r"search\.toml:1: flip: unknown setting; did you mean clip\.flip"),
        ("seed = -1\nhinge = -1", r"search\.toml:1: seed: .*; .*search\.toml:2: hinge: "),
        ("sed = 1\nhinge = -1", r"search\.toml:1: sed: .*; .*search\.toml:2: hinge: "),
    ],
)
def test_a_mistake_is_reported_with_file_line_name_and_what_it_should_be(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        fitted(SearchOptions, given_settings(written(tmp_path, text), {}, []))


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["alpha_lr"], "--set must be NAME=VALUE, got `alpha_lr`"),
        (["seed=1", "seed=2"], "seed is given twice"),
        (["sed=1"], r"--set sed: sed: unknown setting; did you mean seed"),
        (["seed=-1"], r"--set seed: seed: input should be greater than or equal to 0 \(got -1\)"),
    ],
)
def test_a_mistake_after_set_is_reported_likewise(texts: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        fitted(SearchOptions, given_settings(None, {}, texts))


def test_a_missing_or_malformed_file_is_reported_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"search\.toml:2:7: is not TOML: "):
        given_settings(written(tmp_path, "seed = 1\nhinge ? 2"), {}, [])
    with pytest.raises(FileError, match=r"none\.toml: cannot be read"):
        given_settings(tmp_path / "none.toml", {}, [])


@pytest.mark.parametrize("command", ["search", "train"])
def test_the_settings_printed_are_a_file_that_gives_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    changes = ["--set", "clip.flip=false", "--set", "momentum=0.5", "--seed", "4"]
    assert run([command, "--show-settings", *changes]) == 0
    printed = capsys.readouterr().out
    (tmp_path / "all.toml").write_text(printed)
    assert run([command, "--show-settings", "--settings", str(tmp_path / "all.toml")]) == 0
    assert capsys.readouterr().out == printed
    lines = printed.splitlines()
    assert {"momentum = 0.5", "seed = 4", "flip = false", "# rate = 2.0", "[clip]"} <= set(lines)


def test_the_settings_of_eval_are_a_file_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", "--show-settings", "--views", "10x3"]) == 0
    file = written(tmp_path, capsys.readouterr().out)
    assert fitted(EvaluateSettings, given_settings(file, {}, [])).views == "10x3"


def test_what_is_printed_without_anything_given_changes_nothing(tmp_path: Path) -> None:
    empty = given_settings(None, {}, [])
    for options in (SearchOptions, TrainOptions, EvaluateSettings):
        file = written(tmp_path, settings_text("search", options(), empty))
        assert fitted(options, given_settings(file, {}, [])) == options()


@pytest.mark.parametrize(
    "model", [SearchSettings, DataSettings, Cadence, TrainSettings, ReadingSettings, EvaluateSettings]
)
def test_every_setting_says_where_its_default_is_from(model: type[SearchSettings]) -> None:
    texts = {name: f"{(field.description or '').casefold()} " for name, field in model.model_fields.items()}
    assert [name for name, text in texts.items() if not any(source in text for source in SOURCES)] == []


def test_clip_settings_that_would_have_no_effect_are_refused(tmp_path: Path) -> None:
    file = written(tmp_path, "[clip]\ntest_clips = 2\n")
    with pytest.raises(
        UsageError, match=r"search\.toml:2: clip\.test_clips: has no effect here: use `validation_views`"
    ):
        given_settings(file, {}, [])
    with pytest.raises(UsageError, match=r"--set clip\.stride: clip\.stride: has no effect here"):
        given_settings(None, {}, ["clip.stride=2"])


def test_a_recipe_gives_what_nothing_else_gives(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["search", "--recipe", "paper", "--set", "alpha_lr=0.1", "--method", "parsec", "--show-settings"]
    assert run(asked) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {'recipe = "paper"', 'method = "parsec"', 'accuracy_weights = "literal"', "alpha_lr = 0.1"} <= set(lines)
    assert run(["search", "--recipe", "mine", "--show-settings"]) == 2
