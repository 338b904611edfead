"""`tsdsl predict` and predictions for splits without labels."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from pathlib import Path

import pytest

import tsdsl
from support.trained_models import CLASSES, train, write_inputs
from tsdsl.cli.main import run
from tsdsl.lowering.weights import read_tensors, save_tensors

EVALUATE = ["--views", "2x1", "--device", "cpu", "-q"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("predict")
    write_inputs(folder)
    assert train(folder, "trained") == 0
    return folder


def of_evaluation(folder: Path) -> dict[str, tuple[list[str], list[float]]]:
    """The best classes and their scores by video, as `eval --predictions` has them."""
    path = folder / "eval.csv"
    assert run(["eval", str(folder / "trained"), *EVALUATE, "--predictions", str(path)]) == 0
    rows = list(csv.DictReader(path.read_text().splitlines()))
    places = range(1, 5)
    return {
        row["video"]: ([row[f"class_{n}"] for n in places], [float(row[f"score_{n}"]) for n in places]) for row in rows
    }


def test_a_folder_is_classified_as_an_evaluation_does(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = of_evaluation(folder)
    capsys.readouterr()
    assert run(["predict", str(folder / "trained"), str(folder / "clips" / "val"), *EVALUATE, "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {row["video"]: [row[f"class_{n}"] for n in range(1, 5)] for row in rows} == {
        video: names for video, (names, _) in expected.items()
    }
    assert run(["predict", str(folder / "trained"), str(folder / "clips" / "val"), *EVALUATE, "--json"]) == 0
    for found in json.loads(capsys.readouterr().out)["videos"]:
        assert [one["score"] for one in found["best"]] == pytest.approx(expected[found["video"]][1], rel=1e-6)


def test_the_library_gives_the_best_classes_by_name_and_score(folder: Path) -> None:
    video = folder / "clips" / "val" / CLASSES[0] / "000.mp4"
    found = tsdsl.predict(folder / "trained", str(video), views="2x1", top=3, device="cpu")
    (one,) = found.videos
    names, scores = of_evaluation(folder)[str(video)]
    assert [best.name for best in one.best] == names[:3]
    assert [best.score for best in one.best] == pytest.approx(scores[:3], rel=1e-6)
    assert found.skipped == {}


def test_a_list_is_read_with_labels_or_without_and_bad_videos_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    videos = folder / "own"
    videos.mkdir()
    shutil.copy(folder / "clips" / "val" / CLASSES[0] / "000.mp4", videos / "a clip, of mine.mp4")
    (videos / "broken.mp4").write_bytes(b"no video")
    (videos / "list.csv").write_text(
        'path,label\n"a clip, of mine.mp4"\na clip, of mine.mp4 3\nbroken.mp4,1\ngone.mp4\n'
    )
    assert run(["predict", str(folder / "trained"), str(videos / "list.csv"), *EVALUATE, "--top", "1"]) == 1
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"{videos}/a clip, of mine.mp4"] * 2
    assert all(line.endswith("%") for line in lines)
    assert f"skipped {videos}/broken.mp4: " in printed.err
    assert f"skipped {videos}/gone.mp4: " in printed.err


def test_a_model_without_names_prints_numbers_and_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = folder / "nameless.safetensors"
    save_tensors(weights, read_tensors(folder / "trained" / "weights.safetensors"), {"format": "pt"})
    video = str(folder / "clips" / "val" / CLASSES[0] / "000.mp4")
    space = str(folder / "plain.tsspace")
    assert run(["predict", space, video, "--weights", str(weights), *EVALUATE, "--json"]) == 0
    printed = capsys.readouterr()
    names = [one["name"] for one in json.loads(printed.out)["videos"][0]["best"]]
    assert sorted(names) == ["0", "1", "2", "3"]
    assert "does not name its classes, so they are printed by number" in printed.err


def test_names_with_commas_are_in_quotes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = folder / "commas.safetensors"
    names = json.dumps(["run, fast", "b", "c", "d"])
    save_tensors(weights, read_tensors(folder / "trained" / "weights.safetensors"), {"class_names": names})
    video = str(folder / "clips" / "val" / CLASSES[0] / "000.mp4")
    assert run(["predict", str(folder / "plain.tsspace"), video, "--weights", str(weights), *EVALUATE]) == 0
    assert re.search(r'[ ,]"run, fast" \d', capsys.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["trained", "missing.mp4"], 3, "missing.mp4: does not exist"),
        (["trained", "empty"], 3, "empty: contains no video"),
        (["trained", "clips", "--json", "--csv"], 2, "exclude each other"),
        (["trained"], 2, "expected a run and videos"),
        (["trained", "broken.mp4"], 4, "error: broken.mp4: it cannot be decoded"),
        (["clips", "broken.mp4"], 3, "clips: contains no architecture"),
    ],
)
def test_each_mistake_is_one_clear_message(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(folder)
    (folder / "empty").mkdir(exist_ok=True)
    (folder / "broken.mp4").write_bytes(b"no video")
    assert run(["predict", *arguments, "-q"]) == code
    assert message in capsys.readouterr().err


def test_a_split_without_labels_is_written_as_its_test_server_takes_it(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The labels file numbers the classes in another order than the training did."""
    root = tmp_path / "something"
    (root / "videos").mkdir(parents=True)
    numbers = {name: number for number, name in enumerate(reversed(CLASSES))}
    (root / "labels.json").write_text(json.dumps({name: str(number) for name, number in numbers.items()}))
    for number, name in enumerate(CLASSES):
        shutil.copy(folder / "clips" / "val" / name / "000.mp4", root / "videos" / f"{number}.mp4")
    (root / "train.json").write_text(json.dumps([{"id": "0", "template": CLASSES[0]}]))
    (root / "test.json").write_text(json.dumps([{"id": str(n)} for n in (2, 0, 9)]))
    command = ["eval", str(folder / "trained"), "--data", str(root), "--split", "test", *EVALUATE]
    assert run(command) == 2
    assert "the split test has no labels" in capsys.readouterr().err
    assert run([*command, "--predictions", str(tmp_path / "p.csv"), "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["num_videos"] == 2
    assert "1 listed videos have no file, such as 9" in printed.err
    lines = [line.split(";") for line in (tmp_path / "p.csv").read_text().splitlines()]
    assert [line[0] for line in lines] == ["2", "0"]
    clip = folder / "clips" / "val" / CLASSES[2] / "000.mp4"
    expected = of_evaluation(folder)[str(clip)][0]
    assert [int(number) for number in lines[0][1:]] == [numbers[name] for name in expected]
    assert run([*command, "--predictions", str(tmp_path / "p.json")]) == 0
    first = json.loads((tmp_path / "p.json").read_text())[0]
    assert (first["class"], first["label"], first["predicted"]) == (None, None, expected[0])
