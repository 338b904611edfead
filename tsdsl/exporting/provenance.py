"""Where an exported file comes from: in source, one comment line from which it can be made again and compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from tsdsl.errors import FileError
from tsdsl.exporting.preprocessing import Sampling
from tsdsl.exporting.python import export_python
from tsdsl.files import parse_json, read_text
from tsdsl.lowering.weights import MAX_CLASSES
from tsdsl.network.layout import Blueprint
from tsdsl.space.architecture import Architecture
from tsdsl.space.model import Space
from tsdsl.space.parts import Scale
from tsdsl.space.resolve.parts.steps import MAX_PIXELS
from tsdsl.space.resolve.parts.streams import MAX_FRAMES
from tsdsl.space.stored import Frozen, record_of

LEAD = "# Made by tsdsl from: "
UNKNOWN_ORIGIN = "has no provenance that can be read"
ORIGIN_HELP = "verify the file as `tsdsl export` wrote it"


class Provenance(Frozen):
    """Everything that an exported file is made from, except the space."""

    architecture: Architecture
    scale: Scale
    classes: Annotated[int, Field(ge=1, le=MAX_CLASSES)]
    labels: tuple[str, ...] | None = None
    sampling: Sampling | None = None

    @field_validator("scale")
    @classmethod
    def _scale_is_possible(cls, scale: Scale) -> Scale:
        """Checks the limits of the language for a model."""
        sizes = ((scale.size, MAX_PIXELS), (scale.frames, MAX_FRAMES), (scale.depth, 64), (scale.width, 64))
        if any(size is not None and not 0 < size <= most for size, most in sizes):
            raise ValueError("the scale is outside the limits of a model")
        return scale


def export_with_provenance(space: Space, provenance: Provenance) -> str:
    """The exported source of an architecture, with the comment to make it again."""
    blueprint = Blueprint(space, classes=provenance.classes, scale=provenance.scale)
    network = blueprint.network(provenance.architecture.decisions, provenance.architecture.step)
    source = export_python(network, provenance.architecture, provenance.labels, provenance.sampling)
    return f"{source}\n{LEAD}{json.dumps(provenance.model_dump(mode='json'))}\n"


def read_provenance(path: Path) -> tuple[str, Provenance]:
    """The text of an exported source file and its provenance. Nothing in it is executed.

    Raises:
        FileError: it cannot be read, or is not an exported file.
    """
    text = read_text(path, "give a file that was exported").replace("\r\n", "\n")
    lines = [line for line in text.splitlines() if line.startswith(LEAD)]
    if len(lines) != 1:
        raise FileError(f"{path}: {UNKNOWN_ORIGIN}", help=ORIGIN_HELP)
    value = parse_json(lines[0].removeprefix(LEAD), f"{path}: provenance", ORIGIN_HELP)
    return text, record_of(value, Provenance, f"{path}: {UNKNOWN_ORIGIN}", ORIGIN_HELP)
