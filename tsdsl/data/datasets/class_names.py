"""Matches the classes of a data set by name with those that a model was trained on."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tsdsl.data.layouts.records import VideoDataset
from tsdsl.errors import UsageError

MAX_NAMED = 3


@dataclass(frozen=True)
class MatchedClasses:
    """A data set with the class numbers of a model, and what the user must know of the matching."""

    dataset: VideoDataset
    notes: tuple[str, ...] = ()


def matched_classes(dataset: VideoDataset, trained: Sequence[str] | None) -> MatchedClasses:
    """The data set with the classes `trained` of a model, in its order; None: the model does not know their names.

    Names that differ only in case, spaces, `_` and `-` are the same. Where one side has numbers in place of names and
    both have the same number of classes, they are matched by number.

    Raises:
        UsageError: the data set has a class that the model was not trained on.
    """
    own = dataset.class_names
    if trained is None:
        return MatchedClasses(dataset, ("the weights do not name their classes, so classes are matched by number",))
    if tuple(trained) == own:
        return MatchedClasses(dataset)
    if len(own) == len(trained) and (are_numbers(own) or are_numbers(trained)):
        side = "data set" if are_numbers(own) else "training"
        return MatchedClasses(dataset, (f"the {side} has numbers for classes, so classes are matched by number",))
    places = class_places(own, trained)
    new = [name for name, place in zip(own, places, strict=True) if place is None]
    missing = [name for number, name in enumerate(trained) if number not in places]
    if new:
        lacking = f"; classes of the model that the data set lacks: {named(missing)}" if missing else ""
        raise UsageError(
            f"{dataset.root}: the model was not trained on {len(new)} of the {len(own)} classes: {named(new)}{lacking}",
            help="give a data set with the classes of the training, or name classes that are the same as there",
        )
    notes = []
    if missing:
        notes.append(
            f"the data set lacks {len(missing)} of the {len(trained)} classes of the model, which it may still predict:"
            f" {named(missing)}"
        )
    elif places != list(range(len(trained))):
        notes.append("classes are matched by name, as the data set has another order of classes than the training")
    labels = {label: place for label, place in enumerate(places) if place is not None}
    records = tuple(replace(record, label=labels.get(record.label, record.label)) for record in dataset.records)
    return MatchedClasses(replace(dataset, class_names=tuple(trained), records=records), tuple(notes))


def class_places(names: Sequence[str], among: Sequence[str]) -> list[int | None]:
    """The position of each name among others, None where it is not there; exact names come first."""
    exact = {name: position for position, name in enumerate(among)}
    wanted = Counter(simplified(name) for name in names if name not in exact)
    spare: defaultdict[str, list[int]] = defaultdict(list)
    for name in exact.keys() - set(names):
        spare[simplified(name)].append(exact[name])
    unambiguous = {key: spare[key][0] for key, count in wanted.items() if count == len(spare[key]) == 1}
    return [exact.get(name, unambiguous.get(simplified(name))) for name in names]


def are_numbers(names: Sequence[str]) -> bool:
    """Whether the names are those of a data set that only numbers its classes: 0, 1, ..."""
    return list(names) == [str(number) for number in range(len(names))]


def named(names: Sequence[str]) -> str:
    """The first few names in quotes, and the number of the others."""
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(repr(name) for name in names[:MAX_NAMED]) + more


def simplified(name: str) -> str:
    """A name without what may differ between spellings of one class: capitals, spaces, `_` and `-`."""
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()
