"""A trained model as a folder that the Hugging Face Hub shows and `tsdsl.load_model` reads.

model.safetensors   the weights
config.json         the space, the architecture, the classes, and how clips are cut
README.md           the model card: drawing, costs, training data, evaluations
architecture.svg    the drawing
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import PositiveInt

from tsdsl.check.stored import space_from_dict
from tsdsl.errors import FileError
from tsdsl.files import first_fault, write_json, write_text
from tsdsl.space.architecture import Architecture
from tsdsl.space.parts import Scale
from tsdsl.space.stored import Frozen, read_record

if TYPE_CHECKING:
    from tsdsl.artifacts.trained import Trained
    from tsdsl.lowering import Model

CONFIG, WEIGHTS, CARD, DRAWING = "config.json", "model.safetensors", "README.md", "architecture.svg"
RESTORE = "export it again with `tsdsl export --hub`"


class HubConfig(Frozen):
    """All that a model needs besides its weights."""

    library_name: str = "tsdsl"
    space: Mapping[str, Any]
    architecture: Architecture
    scale: Scale
    classes: PositiveInt
    class_names: tuple[str, ...] | None = None
    clip: Mapping[str, Any] | None = None


def export_hub(run: str | PathLike[str], folder: str | Path, *, force: bool = False) -> Path:
    """Write the model of a training run as a folder for the Hugging Face Hub, and return the folder.

    Raises:
        FileError: a file exists and `force` is not given, or the run cannot be read.
    """
    from tsdsl.artifacts.trained import known_class_names, open_trained
    from tsdsl.drawing import draw_figure, found_model
    from tsdsl.lowering import save_model
    from tsdsl.network.layout import Blueprint

    folder = Path(folder)
    for name in (CONFIG, WEIGHTS, CARD, DRAWING):
        if (folder / name).exists() and not force:
            raise FileError(
                f"{folder / name}: already exists", help="choose another name, or overwrite it with --force"
            )
    trained = open_trained(Path(run), None, None, None)
    space, names = trained.located.space, known_class_names(trained)
    config = HubConfig(
        space=space.to_dict(),
        architecture=trained.architecture,
        scale=trained.scale,
        classes=trained.model.network.classes,
        class_names=names,
        clip=trained.clip,
    )
    figure = draw_figure(found_model(Blueprint(space, scale=trained.scale), trained.architecture), space.name)
    save_model(folder / WEIGHTS, trained.model, trained.architecture, names)
    write_json(folder / CONFIG, config.model_dump(mode="json"))
    write_text(folder / DRAWING, figure)
    write_text(folder / CARD, card(Path(run), trained))
    return folder


def read_hub(folder: str | Path) -> Model:
    """The model in such a folder, in evaluation mode.

    Raises:
        FileError: a file is missing or damaged, or the files do not fit each other.
    """
    from tsdsl.lowering import Model, load_weights
    from tsdsl.network.layout import Blueprint
    from tsdsl.space.architecture import problems

    path = Path(folder) / CONFIG
    config = read_record(path, HubConfig, "the configuration of a model", RESTORE)
    try:
        space = space_from_dict(config.space)
    except ValueError as error:
        raise FileError(f"{path}: has no space of this version ({first_fault(error)})", help=RESTORE) from error
    if wrong := problems(space, config.architecture):
        raise FileError(f"{path}: has no architecture of its space: {wrong[0]}", help=RESTORE)
    blueprint = Blueprint(space, classes=config.classes, scale=config.scale)
    model = Model(blueprint.network(config.architecture.decisions, config.architecture.step))
    load_weights(Path(folder) / WEIGHTS, model)
    model.eval()
    return model


def card(run: Path, trained: Trained) -> str:
    """The model card, with the header that the Hub reads; a JSON text is a YAML text."""
    from tsdsl.analysis.questions.summary import network_report
    from tsdsl.engine.runs.evaluations import current_evaluations

    network = trained.model.network
    header = {
        "library_name": "tsdsl",
        "pipeline_tag": "video-classification",
        "tags": ["video-classification", "neural-architecture-search", "two-stream"],
    }
    report = network_report(network)
    costs = [
        ("multiply-adds of a clip", f"{report['flops']:,}"),
        ("parameters", f"{report['params']:,}"),
        ("activations at once, bytes", f"{report['activation_bytes']:,}"),
        ("clip", f"3 x {network.frames} x {network.size} x {network.size}"),
        ("classes", f"{network.classes:,}"),
    ]
    parts = [(one["name"], f"{one['flops']:,}", f"{one['params']:,}") for one in report["parts"]]
    measured = [
        (one.split, one.views, f"{one.top1:.2%}", f"{one.top5:.2%}", str(one.num_videos))
        for one in current_evaluations(run).values()
    ]
    data = "It does not record its data set." if trained.data is None else f"It was trained on `{trained.data.name}`."
    evaluations = _table(("split", "views", "top-1", "top-5", "videos"), measured) or "None is recorded.\n"
    yaml = "".join(f"{name}: {json.dumps(value)}\n" for name, value in header.items())
    return (
        f"---\n{yaml}---\n\n# {network.space}\n\nA video model, searched and trained with tsdsl.\n\n"
        f"![its architecture]({DRAWING})\n\n"
        f'```python\nimport tsdsl\n\nmodel = tsdsl.load_model("FOLDER")  # clips x 3 x frames x rows x columns\n```\n\n'
        f"## Costs\n\n{_table(('of a clip', ''), costs)}\n{_table(('part', 'multiply-adds', 'parameters'), parts)}\n"
        f"## Training data\n\n{data}\n\n## Evaluations\n\n{evaluations}"
    )


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown; empty without rows."""
    if not rows:
        return ""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
