"""The texts stored with an exported program: provenance, labels, preprocessing and versions, each as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch

from tsdsl.errors import FileError
from tsdsl.exporting.preprocessing import preprocessing
from tsdsl.exporting.provenance import ORIGIN_HELP, UNKNOWN_ORIGIN, Provenance
from tsdsl.files import parse_json
from tsdsl.network.layout import Blueprint, Network
from tsdsl.space.model import Space
from tsdsl.space.stored import record_of

TEXTS = ("provenance", "preprocessing", "labels", "versions")


@dataclass(frozen=True, slots=True)
class StoredDescription:
    """The texts in a file by name, and the provenance that one of them holds."""

    texts: Mapping[str, str]
    provenance: Provenance

    def network(self, space: Space) -> Network:
        """The network of its provenance."""
        provenance = self.provenance
        blueprint = Blueprint(space, classes=provenance.classes, scale=provenance.scale)
        return blueprint.network(provenance.architecture.decisions, provenance.architecture.step)

    def problems(self, space: Space) -> list[str]:
        """Which texts do not agree with its provenance; versions may differ."""
        again = describe(self.network(space), self.provenance)
        return [f"its {name} do not agree with its model" for name in again if again[name] != self.texts.get(name)]

    @property
    def torch_version(self) -> str:
        """The version of torch that made it; empty if it is not stored."""
        try:
            return str(parse_json(self.texts.get("versions", "{}"), "versions", ORIGIN_HELP).get("torch", ""))
        except (FileError, AttributeError):
            return ""


def describe(network: Network, provenance: Provenance) -> dict[str, str]:
    """The texts that follow from a network and its provenance: `provenance`, `preprocessing` and `labels`."""
    expected = preprocessing(network, provenance.sampling).model_dump(mode="json")
    texts = {"provenance": provenance.model_dump(mode="json"), "preprocessing": expected, "labels": provenance.labels}
    return {name: json.dumps(value, ensure_ascii=False) for name, value in texts.items()}


def versions(**others: str) -> str:
    """The versions of tsdsl, torch and others, as JSON."""
    return json.dumps({"tsdsl": version("tsdsl"), "torch": torch.__version__, **others})


def stored_description(path: Path, texts: Mapping[str, str]) -> StoredDescription:
    """The texts read from a file, with their provenance.

    Raises:
        FileError: they have no provenance.
    """
    value = parse_json(texts.get("provenance", "null"), f"{path}: provenance", ORIGIN_HELP)
    return StoredDescription(texts, record_of(value, Provenance, f"{path}: {UNKNOWN_ORIGIN}", ORIGIN_HELP))
