"""What is installed: the wheel holds everything, and an editable install reads the checkout. Both have types."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import tsdsl
from tsdsl.diagnostics import CODES

ROOT = Path(__file__).parent.parent
PINNED = re.compile(r"[a-z0-9._-]+==\S+ --hash=sha256:[0-9a-f]{64}")
USE = """
import tsdsl, tsdsl.drawing
from pathlib import Path
assert Path(tsdsl.__file__).is_relative_to({site!r}), tsdsl.__file__
space = tsdsl.load("std:tiny")
assert tsdsl.load("std:auto_tsnet").name == "auto_tsnet"
assert tsdsl.drawing.svg_to_png(tsdsl.drawing.draw_space(space)).startswith(b"\\x89PNG")
print(space.fingerprint)
"""


TYPED = """
import tsdsl
space: tsdsl.Space = tsdsl.load("std:tiny")
for architecture in space.sample(2):
    print(architecture.decisions, architecture.flops)
tsdsl.load(3)
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the files under version control."""
    copy = tmp_path_factory.mktemp("copy") / "source"
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    for name in listed:
        if name and (ROOT / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, copy / name, follow_symlinks=False)
    return copy


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_works_away_from_the_checkout(wheel: Path, tmp_path: Path, tiny: tsdsl.Space) -> None:
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    code = USE.format(site=str(site))
    environment = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment, check=True
    )
    assert done.stdout.strip() == tiny.fingerprint


def test_the_wheel_has_types_docs_and_licences(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "tsdsl/py.typed" in names
    pages = {page.relative_to(ROOT).as_posix() for page in (ROOT / "tsdsl" / "docs").rglob("*.md")}
    assert {f"tsdsl/docs/codes/{code}.md" for code in CODES} < pages <= set(names)
    assert any(name.endswith("LICENSE") for name in names)
    assert any(name.endswith("OFL.txt") for name in names)
    assert not any(name.startswith("tests/") for name in names)


def test_every_package_of_the_test_environment_is_pinned_with_the_hash_of_its_file() -> None:
    lines = (ROOT / "tests" / "pinned_hashes.txt").read_text().splitlines()[1:]
    pinned = dict(line.split(" --hash=sha256:")[0].split("==") for line in lines if PINNED.fullmatch(line))
    assert len(pinned) == len(lines)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for text in (*project["dependencies"], *project["optional-dependencies"]["dev"]):
        needed = Requirement(text)
        assert needed.specifier.contains(pinned[needed.name]), text


def test_the_readme_names_what_extras_users_have() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    readme = (ROOT / "README.md").read_text()
    assert {name for name in extras if f"[{name}]" in readme} == extras.keys() - {"docs", "reference", "triton"}


def test_the_citation_is_of_this_version() -> None:
    assert f"\nversion: {tsdsl.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_the_editable_install_reads_the_checkout() -> None:
    code = "import tsdsl.spaces, tsdsl.grammars; print(tsdsl.spaces.__file__); print(tsdsl.grammars.__file__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    found = [Path(line).resolve() for line in done.stdout.split()]
    assert found == [ROOT / "spaces" / "__init__.py", ROOT / "grammars" / "__init__.py"]


@pytest.fixture(params=["wheel", "editable"])
def installed(request: pytest.FixtureRequest, wheel: Path, source: Path, tmp_path: Path) -> Path:
    """An environment in which tsdsl is installed, and nothing else."""
    if request.param == "editable":
        build = "import sys, setuptools.build_meta as meta; meta.build_editable(sys.argv[1])"
        command = [sys.executable, "-c", build, str(tmp_path)]
        subprocess.run(command, check=True, capture_output=True, cwd=source)
        (wheel,) = tmp_path.glob("*.whl")
    environment = tmp_path / "environment"
    venv.create(environment, symlinks=True)
    (site,) = environment.glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return environment


def checked(checker: str, environment: Path, folder: Path) -> str:
    """What a type checker says of `script.py` in a folder, of nothing else."""
    python = str(environment / "bin" / "python")
    if checker == "pyright":
        settings = {"typeCheckingMode": "strict", "include": ["script.py"]}
        (folder / "pyrightconfig.json").write_text(json.dumps(settings))
        command = ["pyright", "--pythonpath", python]
    else:
        command = [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--python-executable",
            python,
            "--config-file=",
            "script.py",
        ]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder).stdout


def test_a_type_checker_finds_the_types_of_an_install(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(TYPED)
    said = checked("mypy", installed, tmp_path)
    errors = [line for line in said.splitlines() if "error:" in line]
    assert len(errors) == 1, said
    assert errors[0].startswith('script.py:6: error: Argument 1 to "load" has incompatible type "int"')


@pytest.mark.nightly
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_type_checkers_accept_the_example_against_an_install(checker: str, installed: Path, tmp_path: Path) -> None:
    if shutil.which(checker) is None:
        pytest.skip(f"{checker} is not installed: pip install {checker}")
    (site,) = installed.glob("lib/python*/site-packages")
    (site / "zz_others.pth").write_text(sysconfig.get_path("purelib"))
    shutil.copyfile(ROOT / "examples" / "library.py", tmp_path / "script.py")
    said = checked(checker, installed, tmp_path)
    assert said.startswith("Success: no issues" if checker == "mypy" else "0 errors"), said
