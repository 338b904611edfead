"""What is stored with an exported program: its provenance, labels, preprocessing and versions, each as JSON text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch

from tsdsl.errors import FileError
from tsdsl.export.preprocessing import preprocessing
from tsdsl.export.provenance import ORIGIN_HELP, UNKNOWN_ORIGIN, Provenance
from tsdsl.files import parse_json
from tsdsl.network.layout import Blueprint, Network
from tsdsl.space.model import Space
from tsdsl.space.stored import record_of

TEXTS = ("provenance", "preprocessing", "labels", "versions")


@dataclass(frozen=True, slots=True)
class StoredDescription:
    """What a file says of itself: the texts by name, and the provenance that one of them holds."""

    texts: Mapping[str, str]
    provenance: Provenance

    def network(self, space: Space) -> Network:
        """The network that it says it computes."""
        provenance = self.provenance
        blueprint = Blueprint(space, classes=provenance.classes, scale=provenance.scale)
        return blueprint.network(provenance.architecture.decisions, provenance.architecture.step)

    def problems(self, space: Space) -> list[str]:
        """Which texts are not those of its provenance; versions may differ."""
        again = describe(self.network(space), self.provenance)
        return [f"its {name} are not those of its model" for name in again if again[name] != self.texts.get(name)]

    @property
    def torch_version(self) -> str:
        """The version of torch it was made with; empty if it does not say."""
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
    """What was read from a file.

    Raises:
        FileError: it does not say where it comes from.
    """
    value = parse_json(texts.get("provenance", "null"), f"{path}: provenance", ORIGIN_HELP)
    return StoredDescription(texts, record_of(value, Provenance, f"{path}: {UNKNOWN_ORIGIN}", ORIGIN_HELP))
