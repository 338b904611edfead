"""The predictions for each video: counts by class, and output as a table or JSON."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tsdsl.errors import UsageError
from tsdsl.files import write_json, write_text
from tsdsl.printable import utf_8
from tsdsl.space.stored import Frozen

NUMBER = re.compile(r"[-+]?[0-9.]+(e[-+]?[0-9]+)?")

Confusion = Mapping[str, Mapping[str, int]]


class Prediction(Frozen):
    """The prediction for one video: its class if known, its best classes in order, and their mean scores."""

    video: str
    label: int | None
    ranked: tuple[int, ...]
    scores: tuple[float, ...]

    @property
    def is_right(self) -> bool:
        """Whether the best class is the class of the video."""
        return self.ranked[0] == self.label


def class_accuracies(predictions: Sequence[Prediction], class_names: Sequence[str]) -> dict[str, float | None]:
    """The share of correctly predicted videos of each class; None for a class without videos."""
    videos, right = [0] * len(class_names), [0] * len(class_names)
    for prediction in predictions:
        if prediction.label is not None:
            videos[prediction.label] += 1
            right[prediction.label] += prediction.is_right
    return {name: right[label] / videos[label] if videos[label] else None for label, name in enumerate(class_names)}


def confusion(predictions: Sequence[Prediction], class_names: Sequence[str]) -> dict[str, dict[str, int]]:
    """The number of videos by class and predicted class, without zeros."""
    counts: dict[str, dict[str, int]] = {}
    pairs = sorted((p.label, p.ranked[0]) for p in predictions if p.label is not None)
    for label, predicted in pairs:
        row = counts.setdefault(class_names[label], {})
        row[class_names[predicted]] = row.get(class_names[predicted], 0) + 1
    return counts


def most_confused(counts: Confusion, number: int) -> list[tuple[str, str, int]]:
    """(class, predicted class, videos) of the most frequent mistakes."""
    mistakes = [(own, other, n) for own, row in counts.items() for other, n in row.items() if other != own]
    return sorted(mistakes, key=lambda mistake: -mistake[2])[:number]


def require_table_format(path: str | Path) -> None:
    """Raise UsageError unless the name ends in .csv or .json."""
    if Path(path).suffix.lower() not in (".csv", ".json"):
        raise UsageError(f"{path}: must end in .csv or .json", help="change the ending")


def write_predictions(path: str | Path, predictions: Sequence[Prediction], class_names: Sequence[str]) -> None:
    """Write one row or object per video, in the order of the data set.

    The columns are those of `predictions_csv`. JSON also has class numbers; `class` is null where it is not known.

    Raises:
        UsageError: the name does not end in .csv or .json.
        FileError: it cannot be written.
    """
    path = Path(path)
    require_table_format(path)
    if path.suffix.lower() == ".json":
        named = [
            {
                **prediction.model_dump(mode="json"),
                "video": utf_8(prediction.video),
                "class": None if prediction.label is None else class_names[prediction.label],
                "predicted": class_names[prediction.ranked[0]],
            }
            for prediction in predictions
        ]
        write_json(path, named)
        return
    write_text(path, predictions_csv(predictions, class_names))


def predictions_csv(predictions: Sequence[Prediction], class_names: Sequence[str]) -> str:
    """A table of a row per video.

    The columns are video, then class, predicted and right (1 or 0) where the class of a video is known, and class_N and
    score_N of the N-th best class.
    """
    are_labelled = any(prediction.label is not None for prediction in predictions)
    places = range(1, 1 + max((len(prediction.ranked) for prediction in predictions), default=0))
    judged = ("class", "predicted", "right") if are_labelled else ()
    rows = [["video", *judged, *(f"{name}_{n}" for n in places for name in ("class", "score"))]]
    for prediction in predictions:
        label, predicted = prediction.label, class_names[prediction.ranked[0]]
        known = ("", predicted, "") if label is None else (class_names[label], predicted, str(int(prediction.is_right)))
        best = zip(prediction.ranked, prediction.scores, strict=True)
        scored = (text for label, score in best for text in (class_names[label], f"{score:.9g}"))
        rows.append([utf_8(prediction.video), *(known if are_labelled else ()), *scored])
    return _csv(rows)


def write_submission(path: Path, predictions: Sequence[Prediction], numbers: Sequence[int]) -> None:
    """Write what the test server of Something-Something V2 takes: `id;class;class;...`, the five best by number.

    `numbers` are those that the labels file of the data set gives the model's classes.
    """
    lines = [";".join([Path(p.video).stem, *(str(numbers[label]) for label in p.ranked)]) for p in predictions]
    write_text(path, "".join(f"{utf_8(line)}\n" for line in lines))


def write_confusion(path: str | Path, counts: Confusion, class_names: Sequence[str]) -> None:
    """Write the confusion matrix: a row per class, a column per predicted class; JSON omits zeros.

    Raises:
        UsageError: the name does not end in .csv or .json.
        FileError: it cannot be written.
    """
    path = Path(path)
    require_table_format(path)
    if path.suffix.lower() == ".json":
        write_json(path, {name: dict(row) for name, row in counts.items()})
        return
    rows = [["class", *class_names]]
    rows += [[own, *(str(counts.get(own, {}).get(other, 0)) for other in class_names)] for own in class_names]
    write_text(path, _csv(rows))


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_inert(cell) for cell in row] for row in rows)
    return text.getvalue()


def _inert(cell: str) -> str:
    """The cell, with `'` before what a spreadsheet would take for a formula (OWASP, CSV injection)."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) and not NUMBER.fullmatch(cell) else cell
