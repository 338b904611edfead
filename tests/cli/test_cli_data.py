"""`tsdsl data`: what it prints, what it writes and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tsdsl.cli.data import app
from tsdsl.data import open_dataset
from tsdsl.errors import FileError, UsageError


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "demo"
    arguments = ["demo", str(folder), "--textures", "1", "--clips", "2", "--val-clips", "1", "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    facts = json.loads(result.stdout)
    assert (facts["classes"], facts["clips"]) == (4, {"train": 8, "val": 4})
    return folder


def test_index_prints_a_table_and_json(demo_folder: Path) -> None:
    table = CliRunner().invoke(app, ["index", str(demo_folder)])
    assert table.exit_code == 0
    assert "train" in table.stdout
    assert "val" in table.stdout
    facts = json.loads(CliRunner().invoke(app, ["index", str(demo_folder), "--json"]).stdout)
    assert facts["kind"] == "folder"
    assert facts["flip_allowed"] is False
    assert facts["splits"]["train"]["clips_per_class"] == [2, 2, 2, 2]


def test_selected_classes_are_a_data_set_like_any_other(demo_folder: Path, tmp_path: Path) -> None:
    command = ["select", str(demo_folder), str(tmp_path / "mini"), "--classes", "2", "--seed", "5"]
    printed = CliRunner().invoke(app, command)
    assert printed.exit_code == 0
    assert "2 of 4 classes of" in printed.stdout
    assert "4 train clips and 2 val clips" in printed.stdout
    facts = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    index = json.loads(CliRunner().invoke(app, ["index", str(tmp_path / "mini"), "--json"]).stdout)
    assert index["classes"] == facts["classes"]
    recommended = [open_dataset(folder, "train").recommended for folder in (demo_folder, tmp_path / "mini")]
    assert recommended[0] == recommended[1]
    assert (index["flip_allowed"], facts["clips"]) == (False, {"train": 4, "val": 2})
    assert CliRunner().invoke(app, ["verify", str(tmp_path / "mini")]).exit_code == 0


def test_classes_are_selected_by_name_from_options_and_a_file(demo_folder: Path, tmp_path: Path) -> None:
    classes = json.loads(CliRunner().invoke(app, ["index", str(demo_folder), "--json"]).stdout)["classes"]
    (tmp_path / "names.txt").write_text(f"{classes[3]}\n")
    target = str(tmp_path / "mini")
    command = ["select", str(demo_folder), target, "--class", classes[1], "--class-list", str(tmp_path / "names.txt")]
    result = CliRunner().invoke(app, command)
    assert "2 of 4 classes of" in result.stdout
    assert "seed" not in result.stdout
    assert open_dataset(target, "val").class_names == (classes[1], classes[3])
    refused = CliRunner().invoke(app, [*command, "--seed", "0"])
    assert isinstance(refused.exception, UsageError)


def test_verify_of_sound_clips_ends_with_0(demo_folder: Path) -> None:
    result = CliRunner().invoke(app, ["verify", str(demo_folder)])
    assert result.exit_code == 0
    assert "12 videos, 192 frames: 0 bad, 0 missing" in result.stdout


def test_verify_lists_bad_clips_and_ends_with_1(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    CliRunner().invoke(app, ["demo", str(folder), "--textures", "1", "--clips", "1", "--val-clips", "1"])
    bad = folder / "val" / "texture00_up" / "000.mp4"
    bad.write_bytes(b"")
    output = tmp_path / "bad.txt"
    result = CliRunner().invoke(app, ["verify", str(folder), "--json", "-o", str(output)])
    assert result.exit_code == 1
    assert list(json.loads(result.stdout)["bad"]) == [str(bad)]
    assert output.read_text().startswith(f"{bad}\t")


def test_errors_are_left_to_the_main_program(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["index", str(tmp_path / "nowhere")])
    assert isinstance(result.exception, FileError)


def test_prepare_says_what_it_did_and_goes_on(demo_folder: Path, tmp_path: Path) -> None:
    arguments = ["prepare", str(demo_folder), str(tmp_path / "fast"), "--short-side", "32", "--workers", "0"]
    first = CliRunner().invoke(app, arguments)
    assert first.exit_code == 0, first.output
    assert "8 train clips, 4 val clips; 12 videos (0 already done)" in first.stdout
    facts = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert (facts["videos"], facts["reused"], facts["left_out"]) == (12, 12, {})
    index = json.loads(CliRunner().invoke(app, ["index", str(tmp_path / "fast"), "--json"]).stdout)
    assert (index["flip_allowed"], index["splits"]["train"]["clips_per_class"]) == (False, [2, 2, 2, 2])


def test_prepare_refuses_a_negative_number_of_workers(demo_folder: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["prepare", str(demo_folder), str(tmp_path / "fast"), "--workers", "-1"])
    assert isinstance(result.exception, UsageError)
