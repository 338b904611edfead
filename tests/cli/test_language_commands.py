"""new, check, fmt, compile, inspect, sample and render as typed: outputs, files, messages and exit codes."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

import tsdsl
from tsdsl.cli.main import run

ROOT = Path(__file__).parent.parent.parent
TINY = str(ROOT / "spaces" / "tiny.tsspace")
AUTO = str(ROOT / "spaces" / "auto_tsnet.tsspace")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def broken(folder: Path) -> str:
    path = folder / "broken.tsspace"
    path.write_text(Path(TINY).read_text().replace("frames = 16", "frames = 15"))
    return str(path)


def test_a_new_space_checks_clean_is_canonical_and_compiles(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["new", "mine"]) == 0
    assert run(["check", "--strict", "mine.tsspace"]) == 0
    assert run(["fmt", "--check", "mine.tsspace"]) == 0
    assert run(["compile", "mine.tsspace"]) == 0
    assert run(["new", "mine"]) == 3
    assert "already exists" in capsys.readouterr().err
    assert run(["new", "no-name"]) == 2


def test_check_prints_each_format(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = broken(folder)
    assert run(["check", path, "--format", "json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert data["summary"] == {"errors": 1, "warnings": 0}
    found = data["diagnostics"][0]
    assert (found["code"], found["severity"], found["file"]) == ("TS303", "error", path)
    line = Path(path).read_text().splitlines()[found["span"]["start"]["line"] - 1]
    assert line.strip() == "frames = 4"
    assert run(["check", path, "--format", "sarif"]) == 1
    assert json.loads(capsys.readouterr().out)["runs"][0]["results"][0]["ruleId"] == "TS303"
    assert run(["check", path, "--format", "concise"]) == 1
    assert capsys.readouterr().out.startswith(f"{path}:")
    assert run(["check", path]) == 1
    assert "^" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("missing.tsspace", None, "cannot be read"),
        ("latin.tsspace", b"tsspace 1 # caf\xe9", "is not UTF-8"),
        ("folder", "folder", "contains no .tsspace file"),
    ],
)
def test_file_trouble_is_exit_code_3(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, data: object, message: str
) -> None:
    if data == "folder":
        (folder / name).mkdir()
    elif isinstance(data, bytes):
        (folder / name).write_bytes(data)
    assert run(["check", name]) == 3
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["check"], ["check", TINY, "--format", "xml"], ["sample", TINY, "-n", "0"]]
)
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    assert run(arguments) == 2


def test_version_and_help_end_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("tsdsl ")
    assert run(["--help"]) == 0
    assert "search" in capsys.readouterr().out


def test_fmt_writes_checks_and_diffs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "messy.tsspace"
    text = Path(TINY).read_text()
    path.write_text(text.replace("  classes = 48", "classes=48"))
    assert run(["fmt", "--check", str(path)]) == 1
    assert run(["fmt", "--diff", str(path)]) == 1
    assert "+  classes = 48" in capsys.readouterr().out
    assert run(["fmt", str(path)]) == 0
    assert path.read_text() == text
    assert run(["fmt", "--check", str(path)]) == 0
    path.write_text("tsspace 1 space {")
    assert run(["fmt", str(path)]) == 1
    assert path.read_text() == "tsspace 1 space {"


def test_compile_writes_everything_and_keeps_the_json_contract(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["compile", AUTO, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [step["cardinality"] for step in report["steps"]] == [
        "3305633223677039345664000",
        str(66939072779460046749696 * 4**10),
        "4096",
    ]
    assert report["cardinality"] == "950373281924485530010371110118541502906305838133018624000"
    built = folder / "build" / "auto_tsnet"
    assert {path.name for path in built.iterdir()} == {"space.json", "report.json", "steps", "space.svg"}
    assert sorted(path.name for path in (built / "steps").iterdir()) == ["1.json", "2.json", "3.json"]
    assert json.loads((built / "report.json").read_text()) == report
    assert "<text" in (built / "space.svg").read_text()


def test_compile_of_a_wrong_space_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compile", broken(folder)]) == 1
    assert "do not divide" in capsys.readouterr().err
    assert not (folder / "build").exists()


def test_without_a_space_the_only_one_in_the_folder_is_used_whatever_was_compiled(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["compile", TINY]) == 0
    assert run(["inspect"]) == 2
    assert "no space given, and this folder has no .tsspace file" in capsys.readouterr().err
    (folder / "own.tsspace").write_text(Path(TINY).read_text().replace("space tiny", "space own"))
    assert run(["compile", TINY]) == 0
    capsys.readouterr()
    assert run(["inspect", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["space"] == "own"
    assert "using the space in own.tsspace" in captured.err
    (folder / "other.tsspace").write_text(Path(TINY).read_text())
    assert run(["inspect"]) == 2
    assert "this folder has several: other.tsspace, own.tsspace" in capsys.readouterr().err


def test_a_sampled_architecture_finds_its_space_beside_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "here").mkdir()
    text = Path(TINY).read_text().replace("space tiny", "space own")
    (folder / "here" / "mine.tsspace").write_text(text)
    assert run(["sample", "here/mine.tsspace", "--json"]) == 0
    printed = capsys.readouterr().out
    content = json.loads(printed)
    assert (content["space"], content["space_file"]) == ("own", "mine.tsspace")
    assert content["fingerprint"] == tsdsl.load(folder / "here" / "mine.tsspace").fingerprint
    (folder / "here" / "a.json").write_text(printed)
    # Others beside it: of the same name with another meaning, with errors, of another name.
    (folder / "here" / "later.tsspace").write_text(text.replace("channels = {16, 24}", "channels = {16}"))
    (folder / "here" / "broken.tsspace").write_text("space own {")
    (folder / "here" / "else.tsspace").write_text(Path(TINY).read_text())
    assert run(["render", "here/a.json", "-o", "a.svg"]) == 0
    assert run(["verify", "here/a.json"]) == 0
    (folder / "here" / "mine.tsspace").unlink()
    assert run(["verify", "here/a.json"]) == 1
    assert "is not an architecture of here/later.tsspace" in capsys.readouterr().out


def test_inspect_tells_witnesses_and_what_a_budget_leaves(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", TINY, "--step", "1", "--within", "3.6M", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["steps"][0]["step"] == 1
    assert report["budget"]["reachable"]
    assert 24 in report["budget"]["dead_choices"]["sparse.stage1.group1.channels"]
    assert report["witnesses"]["min_flops"]["sparse.stage2.group1.channels"] == 32
    assert run(["inspect", TINY, "--step", "9"]) == 2
    assert run(["inspect", TINY, "--within", "many"]) == 2


def test_samples_are_architectures_that_inspect_reads(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sample", TINY, "-n", "3", "--within", "15M..20M", "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    (folder / "a.json").write_text(lines[0])
    assert run(["inspect", "a.json", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["flops"] == json.loads(lines[0])["flops"]
    assert 15_000_000 <= report["flops"] <= 20_000_000
    assert run(["sample", TINY, "--within", "1..2"]) == 2
    assert "7,4" in capsys.readouterr().err  # the true minimum
    assert run(["sample", TINY, "--within", "5M"]) == 2


def test_models_scale_what_inspect_counts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["sample", TINY, "--json"])
    (folder / "a.json").write_text(capsys.readouterr().out)
    counts = {}
    for model in ("S", "L", "S_dagger"):
        assert run(["inspect", "a.json", "--model", model, "--json"]) == 0
        counts[model] = json.loads(capsys.readouterr().out)["flops"]
    assert counts["S_dagger"] <= counts["S"] <= counts["L"]
    assert run(["inspect", "a.json", "--model", "XXL"]) == 2
    assert "S, L, S_dagger" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
def test_render_draws_spaces_and_architectures(folder: Path, suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["render", TINY, "-o", f"space.{suffix}"]) == 0
    run(["sample", TINY, "--json"])
    (folder / "a.json").write_text(capsys.readouterr().out)
    assert run(["render", "a.json", "-o", f"a.{suffix}"]) == 0
    heads = {"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF"}
    assert (folder / f"space.{suffix}").read_bytes().startswith(heads[suffix])
    assert (folder / f"a.{suffix}").read_bytes().startswith(heads[suffix])


def test_a_space_without_decisions_is_drawn_as_one_of_its_models(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["render", "std:x3d", "--model", "M"]) == 0
    assert "x3d: 4.732 GFLOPs at 224 px" in (folder / "x3d-M.svg").read_text()
    assert run(["render", "std:x3d", "--view", "figure", "--model", "XS", "-o", "x.svg"]) == 0
    assert "4 frames" in (folder / "x.svg").read_text()
    assert run(["render", TINY, "--model", "L"]) == 2
    assert "give one of its architectures" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["std:tiny", "--in", "std:x3d"], "--in"),
        (["a.json", "--space", "tiny"], "--space"),
        (["--view", "alpha", "--space", "tiny"], "--space"),
        (["std:tiny", "--view", "landscape", "--detail", "block"], "--detail"),
        (["std:tiny", "--epoch", "1"], "--epoch"),
    ],
)
def test_render_refuses_an_option_without_effect(
    arguments: list[str], option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["render", *arguments]) == 2
    assert f"{option} has no effect on" in capsys.readouterr().err


def test_render_refuses_what_it_cannot_write(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["render", TINY, "-o", "space.gif"]) == 2
    assert "png" in capsys.readouterr().err


def test_a_drawn_architecture_shows_what_was_chosen(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["sample", TINY, "--json", "--seed", "5"])
    text = capsys.readouterr().out
    (folder / "a.json").write_text(text)
    assert run(["render", "a.json", "-o", "a.svg"]) == 0
    picture = (folder / "a.svg").read_text()
    decisions = json.loads(text)["decisions"]
    assert f"c {decisions['sparse.stage1.group1.channels']}" in picture
    assert ("glore" in picture) == any(v == "glore" for v in decisions.values())


def test_verify_tells_a_changed_architecture_from_a_right_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["sample", TINY, "--json"])
    data = json.loads(capsys.readouterr().out)
    path = folder / "a.json"
    path.write_text(json.dumps(data))
    assert run(["verify", "a.json"]) == 0
    path.write_text(json.dumps({**data, "flops": data["flops"] + 1}))
    assert run(["verify", "a.json"]) == 1
    path.write_text(json.dumps({**data, "fingerprint": "0" * 16}))
    assert run(["verify", "a.json"]) == 1
    path.write_text("{")
    assert run(["verify", "a.json"]) == 3


def test_an_exported_model_is_plain_verified_and_not_overwritten(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["sample", TINY, "--json"])
    (folder / "a.json").write_text(capsys.readouterr().out)
    assert run(["export", "a.json", "-o", "net.py"]) == 0
    source = (folder / "net.py").read_text()
    assert "import tsdsl" not in source
    assert run(["verify", "net.py"]) == 0
    assert run(["export", "a.json", "-o", "net.py"]) == 3
    (folder / "net.py").write_text(source.replace("kernel", "kernels", 1))
    assert run(["verify", "net.py"]) == 1


def test_a_second_space_of_a_file_is_picked_by_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = Path(TINY).read_text()
    (folder / "two.tsspace").write_text(text + text.replace("tsspace 1", "").replace("space tiny", "space other"))
    assert run(["inspect", "two.tsspace"]) == 2
    assert "--space" in capsys.readouterr().err
    assert run(["inspect", "two.tsspace", "--space", "other", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["space"] == "other"


def test_check_fix_writes_sure_fixes_and_shows_them_with_diff(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "a.tsspace"
    wrong = Path(TINY).read_text().replace("classes = 48", "clases = 48").replace("dense -> sparse", "sparse <- dense")
    path.write_text(wrong)
    assert run(["check", "--fix", "--diff", str(path)]) == 1
    captured = capsys.readouterr()
    assert "+  classes = 48" in captured.out
    assert "would change to `classes`" in captured.err
    assert path.read_text() == wrong
    assert run(["check", "--fix", str(path)]) == 1
    assert path.read_text() == wrong.replace("clases", "classes")
    path.chmod(0o600)
    assert run(["check", "--fix", "--suggested", str(path)]) == 0
    assert path.read_text() == Path(TINY).read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_fixes_are_refused_where_they_cannot_be_made(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", TINY, "--diff"]) == 2
    assert run(["check", "std:tiny", "--fix"]) == 2
    assert "shipped spaces cannot be changed" in capsys.readouterr().err
    assert run(["check", broken(folder), "--fix", "--diff", "--format", "json"]) == 2


def test_fixes_are_told_in_json_and_sarif(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "a.tsspace"
    path.write_text(Path(TINY).read_text().replace("classes = 48", "clases = 48"))
    assert run(["check", str(path), "--format", "json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)["diagnostics"]
    (fix,) = found["fixes"]
    assert fix["applicability"] == "safe"
    assert fix["edits"] == [{"span": found["span"], "text": "classes"}]
    assert run(["check", str(path), "--format", "sarif"]) == 1
    (result,) = json.loads(capsys.readouterr().out)["runs"][0]["results"]
    change = result["fixes"][0]["artifactChanges"][0]["replacements"][0]
    assert change["insertedContent"] == {"text": "classes"}
    assert change["deletedRegion"] == result["locations"][0]["physicalLocation"]["region"]


def test_fmt_takes_folders_and_standard_input(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = Path(TINY).read_text()
    messy = text.replace("  classes = 48", "classes=48")
    (folder / "inner").mkdir()
    for place in ("a.tsspace", "inner/b.tsspace"):
        (folder / place).write_text(messy)
    (folder / "inner" / "wrong.tsspace").write_text("tsspace 1 space {")
    assert run(["fmt", "."]) == 1  # one cannot be read; the others are formatted all the same
    assert (folder / "a.tsspace").read_text() == (folder / "inner" / "b.tsspace").read_text() == text
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(messy.encode())))
    capsys.readouterr()
    assert run(["fmt", "-"]) == 0
    assert capsys.readouterr().out == text
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(messy.encode())))
    assert run(["fmt", "--check", "-"]) == 1


def test_a_diff_counts_only_newlines_as_ends_of_lines(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "odd.tsspace"
    text = Path(TINY).read_text().replace("# Many frames", "# Many\x0cframes\u2028here")
    path.write_text(text.replace("  classes = 48", "classes=48").rstrip("\n"), encoding="utf-8")
    assert run(["fmt", "--diff", str(path)]) == 1
    out = capsys.readouterr().out
    assert "\\ No newline at end of file" in out
    assert sum(line.startswith(("+", "-")) for line in out.split("\n")) == 6
