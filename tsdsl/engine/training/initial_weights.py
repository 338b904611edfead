"""Begins a training with the weights of a file: their classifier is taken over class by class, by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from tsdsl.data.datasets.class_names import are_numbers, class_places, named
from tsdsl.lowering.weights import CLASSIFIER, CLASSIFIER_BIAS, load_weights, read_class_names, read_tensors


def begin_with_weights(path: Path, model: nn.Module, class_names: Sequence[str]) -> str | None:
    """Copy the weights of a file into a model of these classes; return what the user must know of the classifier.

    A class that the weights do not know keeps its initial values. Where one side does not name its classes, the
    classifier is taken over by number, if both have the same number of classes.

    Raises:
        FileError: the weights are not those of the model.
    """
    known = read_class_names(path)
    if known is None or are_numbers(known) or are_numbers(class_names):
        load_weights(path, model, besides=CLASSIFIER)
        count = len(read_tensors(path)[CLASSIFIER_BIAS])
        if count != len(class_names):
            return f"{path}: has {count} classes, so the classifier of {len(class_names)} begins anew"
        return f"{path}: its classes are matched by number, as it or the data set does not name them"
    rows = class_places(class_names, known)
    load_weights(path, model, class_rows=rows)
    new = [name for name, row in zip(class_names, rows, strict=True) if row is None]
    if not new:
        return None
    return f"{path}: does not know {len(new)} of the {len(rows)} classes, whose classifier begins anew: {named(new)}"
