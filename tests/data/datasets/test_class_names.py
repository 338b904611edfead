"""Classes of a data set and of a model are matched by name, never by number without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from tsdsl.data import ClipRecord, VideoDataset
from tsdsl.data.datasets.class_names import class_places, matched_classes
from tsdsl.errors import UsageError


def dataset(*class_names: str) -> VideoDataset:
    """One clip of each class, named after it."""
    records = tuple(ClipRecord(Path(name), label) for label, name in enumerate(class_names))
    return VideoDataset(Path("clips"), "val", "folder", records, class_names)


def labels(found: VideoDataset) -> dict[str, str]:
    """The class of each clip."""
    return {str(record.path): found.class_names[record.label] for record in found.records}


def test_equal_classes_are_left_as_they_are_without_a_word() -> None:
    own = dataset("down", "right")
    found = matched_classes(own, ["down", "right"])
    assert found.dataset is own
    assert found.notes == ()


def test_another_order_is_put_into_that_of_the_model_and_told() -> None:
    found = matched_classes(dataset("a", "b", "c"), ["c", "a", "b"])
    assert found.dataset.class_names == ("c", "a", "b")
    assert labels(found.dataset) == {"a": "a", "b": "b", "c": "c"}
    assert ["matched by name" in note for note in found.notes] == [True]


def test_a_class_that_the_model_does_not_know_is_refused_with_all_names() -> None:
    with pytest.raises(UsageError) as caught:
        matched_classes(dataset("left", "right"), ["down", "right"])
    assert "not trained on 1 of the 2 classes: 'left'" in caught.value.message
    assert "lacks: 'down'" in caught.value.message


def test_a_class_that_the_data_set_lacks_is_told_and_may_still_be_predicted() -> None:
    found = matched_classes(dataset("right"), ["down", "right"])
    assert found.dataset.class_names == ("down", "right")
    assert labels(found.dataset) == {"right": "right"}
    assert "lacks 1 of the 2 classes of the model, which it may still predict: 'down'" in found.notes[0]


@pytest.mark.parametrize(
    ("own", "trained", "side"), [(("0", "1"), ("a", "b"), "data set"), (("a", "b"), ("0", "1"), "training")]
)
def test_numbers_in_place_of_names_are_matched_by_number_and_told(
    own: tuple[str, ...], trained: tuple[str, ...], side: str
) -> None:
    found = matched_classes(dataset(*own), trained)
    assert [record.label for record in found.dataset.records] == [0, 1]
    assert f"the {side} has numbers" in found.notes[0]


def test_a_model_that_does_not_name_its_classes_is_told() -> None:
    own = dataset("a", "b")
    found = matched_classes(own, None)
    assert found.dataset is own
    assert "do not name their classes" in found.notes[0]


@pytest.mark.parametrize(
    ("names", "among", "places"),
    [
        (["Apply_Eye makeup"], ["run", "apply eye makeup"], [1]),
        (["a-b"], ["A b", "a_b"], [None]),
        (["a_b", "a b"], ["a b"], [None, 0]),
        (["A_B", "a-b"], ["a b"], [None, None]),
        (["x"], ["y"], [None]),
    ],
)
def test_names_may_differ_in_case_and_spaces_where_only_one_can_be_meant(
    names: list[str], among: list[str], places: list[int | None]
) -> None:
    assert class_places(names, among) == places
