"""Callbacks for Weights & Biases and MLflow: settings, curves, pictures and files of each run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tsdsl.artifacts.locate import SPACE_FILE, read_space
from tsdsl.drawing import draw_architecture
from tsdsl.drawing.alpha import alpha_epochs, draw_alpha
from tsdsl.drawing.theme import LIGHT
from tsdsl.engine.callbacks import Callback
from tsdsl.engine.runs.directory import RECORDED_FILES
from tsdsl.errors import RunError, UsageError
from tsdsl.files import flattened
from tsdsl.searching.step import ALPHA_NAME, read_alpha
from tsdsl.space.architecture import read_architecture

PROJECT = "tsdsl"
MAX_PARAMETER = 500
GROWING = ("epochs", "extensions")
"""Settings that change when a run is extended."""


class WandbCallback(Callback):
    """Logs each run as one of the project `tsdsl`; `WANDB_MODE=offline` and other variables of wandb have their effect.

    A run that goes on, or is extended, is the same run there.
    """

    def __init__(self) -> None:
        self._run: Any = None

    def begin(self, run: Path, settings: Mapping[str, Any]) -> None:
        """Begin, or go on with, the run there."""
        import wandb

        self._run = wandb.init(
            project=PROJECT,
            name=_title(run),
            id=_identity(run, settings),
            resume="allow",
            config=dict(settings),
            reinit="finish_previous",
        )

    def log(self, run: Path, iteration: int, values: Mapping[str, float | int]) -> None:
        """Add a point to each curve."""
        self._run.log(dict(values), step=iteration)

    def end(self, run: Path, result: Mapping[str, Any]) -> None:
        """Add the numbers of the result, the pictures and the files."""
        import wandb

        self._run.summary.update(_numbers(result))
        self._run.log({name: wandb.Html(svg, inject=False) for name, svg in _pictures(run)})
        artifact = wandb.Artifact(f"{_title(run).replace('/', '-')}-{self._run.id}", type="run")
        for path in _files(run):
            artifact.add_file(str(path))
        self._run.log_artifact(artifact)
        self._run.finish()


class MlflowCallback(Callback):
    """Logs each run into the experiment `tsdsl` at `MLFLOW_TRACKING_URI`; one that goes on is the same run there."""

    def begin(self, run: Path, settings: Mapping[str, Any]) -> None:
        """Begin, or go on with, the run there."""
        import mlflow

        identity = _identity(run, settings)
        experiment = mlflow.set_experiment(PROJECT).experiment_id
        same = mlflow.MlflowClient().search_runs([experiment], f"tags.tsdsl_id = '{identity}'")
        if same:
            mlflow.start_run(run_id=same[0].info.run_id)
            return
        mlflow.start_run(run_name=_title(run), tags={"tsdsl_id": identity})
        mlflow.log_params({name: str(value)[:MAX_PARAMETER] for name, value in flattened(settings).items()})

    def log(self, run: Path, iteration: int, values: Mapping[str, float | int]) -> None:
        """Add a point to each curve."""
        import mlflow

        mlflow.log_metrics(dict(values), step=iteration)

    def end(self, run: Path, result: Mapping[str, Any]) -> None:
        """Add the numbers of the result, the pictures and the files."""
        import mlflow

        mlflow.log_metrics({f"result/{name}": value for name, value in _numbers(result).items()})
        for name, svg in _pictures(run):
            mlflow.log_text(svg, f"{name}.svg")
        for path in _files(run):
            mlflow.log_artifact(str(path))
        mlflow.end_run()


TRACKERS: Mapping[str, type[Callback]] = {"wandb": WandbCallback, "mlflow": MlflowCallback}


class _Reported(Callback):
    """A tracker's callback whose exceptions say what failed and what to do."""

    def __init__(self, name: str, callback: Callback) -> None:
        self._name, self._callback = name, callback

    def begin(self, run: Path, settings: Mapping[str, Any]) -> None:
        with self._reporting():
            self._callback.begin(run, settings)

    def log(self, run: Path, iteration: int, values: Mapping[str, float | int]) -> None:
        with self._reporting():
            self._callback.log(run, iteration, values)

    def end(self, run: Path, result: Mapping[str, Any]) -> None:
        with self._reporting():
            self._callback.end(run, result)

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            raise RunError(
                f"{self._name} failed: {' '.join(str(error).split())}",
                help=f"correct the set-up of {self._name}, or leave out --log {self._name}; the same command goes on",
            ) from error


def tracker(name: str) -> Callback:
    """The callback of a tracker, which raises RunError where the tracker fails.

    Raises:
        UsageError: it is not one that is known, or its package is not installed.
    """
    if name not in TRACKERS:
        raise UsageError(f"--log must be {' or '.join(TRACKERS)}, got {name!r}", help="for instance --log wandb")
    if find_spec(name) is None:
        raise UsageError(f"--log {name}: the package {name} is not installed", help=f'pip install "tsdsl[{name}]"')
    return _Reported(name, TRACKERS[name]())


def _title(run: Path) -> str:
    """The last two folders: `tiny/step1`."""
    return "/".join(run.absolute().parts[-2:])


def _identity(run: Path, settings: Mapping[str, Any]) -> str:
    """An identifier of the run: its folder, and the settings that it keeps when it goes on."""
    kept = {name: value for name, value in flattened(settings).items() if name.split(".")[-1] not in GROWING}
    return sha256(json.dumps([str(run.absolute()), kept], default=str).encode()).hexdigest()[:16]


def _numbers(result: Mapping[str, Any]) -> dict[str, float | int]:
    return {name: value for name, value in result.items() if type(value) in (int, float)}


def _files(run: Path) -> list[Path]:
    """The space, and what the run recorded, without its logs, which the curves repeat."""
    names = [name for name in (*RECORDED_FILES, "result.json") if not name.endswith(".jsonl")]
    return [path for path in (_space_file(run), *(run / name for name in names if name != SPACE_FILE)) if path.exists()]


def _space_file(run: Path) -> Path:
    """The space of a training run, or of the search that a step is of."""
    return run / SPACE_FILE if (run / SPACE_FILE).exists() else run.parent / SPACE_FILE


def _pictures(run: Path) -> Iterator[tuple[str, str]]:
    """(name, SVG) of the architecture, and of the probabilities where a search has them."""
    space = read_space(_space_file(run))
    yield "architecture", draw_architecture(space, read_architecture(run / "architecture.json", space))
    if (run / ALPHA_NAME).exists():
        history = alpha_epochs(read_alpha(run, space))
        yield "alpha", draw_alpha(space, history, len(history) - 1, _title(run), LIGHT)
