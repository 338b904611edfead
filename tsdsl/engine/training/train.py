"""Trains one architecture in a run folder; after a kill, the same call continues.

The clips, augmentation, dropout and learning rate of iteration n depend only on the settings and n. So a resumed run
ends with the same weights as an uninterrupted one, on the CPU to the bit. Several ranks share each batch, with BN
statistics over all of it; except for dropout, they compute the same as one, up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from tsdsl.data.randomness import derive_seed
from tsdsl.engine.callbacks import Callback
from tsdsl.engine.ranks.interruption import interruption
from tsdsl.engine.ranks.ranks import ALONE, Ranks
from tsdsl.engine.ranks.synchronised_norm import synchronise_norms
from tsdsl.engine.recipe import CheckpointPolicy, TrainSettings
from tsdsl.engine.runs.directory import RunDirectory, require_unchanged
from tsdsl.engine.runs.progress import Progress
from tsdsl.engine.training.begin import Begun, begin, checkpoint_store
from tsdsl.engine.training.initial_weights import begin_with_weights
from tsdsl.engine.training.loop import Training
from tsdsl.engine.training.record import TrainRecord, TrainResult
from tsdsl.engine.training_data import TrainingData, check_classes
from tsdsl.lowering.model import Model
from tsdsl.lowering.weights import file_hash
from tsdsl.network.layout import Blueprint
from tsdsl.space.architecture import Architecture


def train(
    blueprint: Blueprint,
    architecture: Architecture,
    data: TrainingData,
    settings: TrainSettings,
    run: RunDirectory | str | Path,
    *,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
    checkpoints: CheckpointPolicy | None = None,
    begin_with: str | Path | None = None,
    extend: bool = False,
    callbacks: Sequence[Callback] = (),
    ranks: Ranks = ALONE,
) -> TrainResult:
    """Train an architecture, or continue the run in the folder `run`; a finished run returns at once.

    `begin_with` is a weights file of the same network; its classifier is taken over class by class, by name.
    With `extend`, a run in the folder that is equal but for fewer epochs goes on to those of `settings`; from its last
    checkpoint on, the learning rate is that of a run which has these epochs from its beginning. `callbacks` get
    the run unless it is finished.
    Several ranks, from `tsdsl.engine.ranks.ranks.joined`, make the same call, each with its share of the data; only
    rank 0 writes.

    Raises:
        UsageError: the folder contains another run, another process writes it, or the data contradict the network.
        InterruptedRunError: SIGINT or SIGTERM was received; everything is saved.
        RunError: the loss is not a number, or no clip is usable.
        FileError: the folder cannot be written.
    """
    if not isinstance(run, RunDirectory):
        run = RunDirectory(run)
    if begin_with is not None:
        begin_with = Path(begin_with)
        require_unchanged(begin_with)
    network = blueprint.network(architecture.decisions, architecture.step)
    check_classes(data.training.dataset, network)
    record = TrainRecord(
        settings=settings,
        space=architecture.space,
        fingerprint=architecture.fingerprint,
        decisions=dict(architecture.decisions),
        step=architecture.step,
        scale=blueprint.scale,
        classes=network.classes,
        class_names=data.training.dataset.class_names,
        data=dict(data.record),
        iterations_per_epoch=data.training.iterations_per_epoch,
        began_with=None if begin_with is None else file_hash(begin_with),
    )

    display, policy = progress or Progress(quiet=True), checkpoints or CheckpointPolicy()
    store = checkpoint_store(run, architecture, policy.keep)

    def look() -> dict[str, Any]:
        found = begin(run, record, blueprint.space, architecture, store, display, extend=extend)
        return found.model_dump(mode="json")

    with ranks.locked(run) as told:
        for note in told if ranks.is_first else ():
            display.warn(note)
        begun = Begun.model_validate(ranks.first(look))
        if begun.result is not None:
            return begun.result
        model = Model(network, seed=derive_seed(settings.seed, "weights"))
        if begin_with is not None:
            classes_note = begin_with_weights(begin_with, model, data.training.dataset.class_names)
            if classes_note is not None and ranks.is_first:
                display.warn(classes_note)
        model.to(device)
        if ranks.size > 1:
            synchronise_norms(model, ranks)
        training = Training(
            model,
            architecture,
            data,
            settings,
            run,
            display,
            policy,
            ranks,
            store,
            begun.extensions,
            callbacks if ranks.is_first else (),
        )
        forked = [device] if torch.device(device).type == "cuda" else []
        with interruption(ranks) as request, torch.random.fork_rng(forked):
            for callback in training.callbacks:
                callback.begin(run.path, record.model_dump(mode="json"))
            result = training.finish(request)
        for callback in training.callbacks:
            callback.end(run.path, result.model_dump(mode="json"))
        return result
