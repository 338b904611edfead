"""Predictions counted by class and written out, against counts made by hand."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tsdsl.engine.evaluation.predictions import (
    Prediction,
    class_accuracies,
    confusion,
    most_confused,
    write_confusion,
    write_predictions,
)
from tsdsl.errors import UsageError

NAMES = ("left", "right, fast", "still", "never")
PREDICTIONS = [
    Prediction(video=f"{number}.mp4", label=label, ranked=ranked, scores=(0.5, 0.25))
    for number, (label, ranked) in enumerate(
        [(0, (0, 1)), (0, (1, 0)), (0, (1, 2)), (1, (1, 0)), (2, (0, 1)), (2, (2, 0))]
    )
]
COUNTS = {"left": {"left": 1, "right, fast": 2}, "right, fast": {"right, fast": 1}, "still": {"left": 1, "still": 1}}


def test_classes_and_confusions_are_counted() -> None:
    shares = class_accuracies(PREDICTIONS, NAMES)
    assert shares == {"left": pytest.approx(1 / 3), "right, fast": 1.0, "still": 0.5, "never": None}
    assert confusion(PREDICTIONS, NAMES) == COUNTS
    assert most_confused(COUNTS, 2) == [("left", "right, fast", 2), ("still", "left", 1)]


def test_the_confusion_matrix_is_written_with_its_zeros(tmp_path: Path) -> None:
    write_confusion(tmp_path / "c.csv", COUNTS, NAMES)
    header, *rows = csv.reader((tmp_path / "c.csv").read_text().splitlines())
    assert header == ["class", *NAMES]
    assert [row[0] for row in rows] == list(NAMES)
    assert [[int(cell) for cell in row[1:]] for row in rows] == [[1, 2, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]
    write_confusion(tmp_path / "c.json", COUNTS, NAMES)
    assert json.loads((tmp_path / "c.json").read_text()) == COUNTS


def test_predictions_are_written_as_a_table_and_as_json(tmp_path: Path) -> None:
    write_predictions(tmp_path / "p.csv", PREDICTIONS, NAMES)
    rows = list(csv.DictReader((tmp_path / "p.csv").read_text().splitlines()))
    assert rows[1] == {
        "video": "1.mp4",
        "class": "left",
        "predicted": "right, fast",
        "right": "0",
        "class_1": "right, fast",
        "score_1": "0.5",
        "class_2": "left",
        "score_2": "0.25",
    }
    assert sum(int(row["right"]) for row in rows) == 3
    write_predictions(tmp_path / "p.json", PREDICTIONS, NAMES)
    first = json.loads((tmp_path / "p.json").read_text())[0]
    assert (first["video"], first["class"], first["predicted"], first["ranked"]) == ("0.mp4", "left", "left", [0, 1])


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"p\.txt: must end in \.csv or \.json"):
        write_predictions(tmp_path / "p.txt", PREDICTIONS, NAMES)
