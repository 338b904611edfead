"""`tsdsl search`: searches a step, all steps, or the whole space at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsdsl.cli import options
from tsdsl.cli.work.console import facts, note, print_json, report_skipped
from tsdsl.cli.work.settings_sources import Given, fitted, given_settings, settings_text
from tsdsl.errors import UsageError

if TYPE_CHECKING:
    from tsdsl.searching import Cadence, DataSettings, SearchResult, SearchSettings
    from tsdsl.space.model import Space


def search(
    space: Annotated[
        str | None, typer.Argument(metavar="SPACE", help="Space; default: that of --run, else the only .tsspace here.")
    ] = None,
    step: Annotated[str, typer.Option("--step", help="A step number, all, or joint (all at once).")] = "all",
    data: Annotated[Path | None, typer.Option("--data", help="Data set; default: that of the run.")] = None,
    run: Annotated[Path | None, typer.Option("--run", help="Folder of the run; default: runs/SPACE.")] = None,
    device: options.Device = "auto",
    method: Annotated[
        str | None, typer.Option("--method", help="thompson, parsec, or a baseline: random, evolution or single_path.")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option("--recipe", help="paper: the paper's method by the letter.", show_default=False)
    ] = None,
    top: Annotated[
        int, typer.Option("--top", min=0, max=20, help="Print so many of the best architectures, of thompson.")
    ] = 0,
    evaluations: Annotated[
        int | None, typer.Option("--evaluations", min=1, help="Architectures a search measures, of a baseline.")
    ] = None,
    epochs: options.Epochs = None,
    samples: Annotated[int | None, typer.Option("--samples", help="Architectures K per batch, at least 2.")] = None,
    batch_size: options.BatchSize = None,
    learning_rate: options.LearningRate = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Random seed.")] = None,
    budget: Annotated[
        str | None, typer.Option("--budget", help="hinge, or condition: sample only within the target.")
    ] = None,
    settings: options.Settings = None,
    changes: options.Changes = None,
    classes: Annotated[int | None, typer.Option("--classes", help="Number of random classes; default: all.")] = None,
    validation_fraction: Annotated[
        float | None,
        typer.Option("--validation-fraction", min=0.01, max=0.99, help="Clips for alpha; default: half."),
    ] = None,
    workers: options.Workers = None,
    cache: options.Cache = None,
    checkpoint_every: Annotated[
        int | None, typer.Option("--checkpoint-every", min=1, help="Iterations between checkpoints.")
    ] = None,
    log: options.Log = None,
    redo: Annotated[
        int | None, typer.Option("--redo", min=1, help="Search this step and those after it again; see --force.")
    ] = None,
    begin_from: Annotated[
        Path | None, typer.Option("--from", metavar="RUN", help="Take the steps before --step over from another run.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite: let --redo remove what was searched.")] = False,
    name: options.SpaceName = None,
    show_settings: options.ShowSettings = False,
    quiet: options.Quiet = False,
    json: options.Json = False,
) -> None:
    """Search a space with Thompson sampling, PARSEC or a baseline; after an interruption, the same command continues.

    `torchrun --nproc-per-node W -m -- tsdsl search ...` starts W processes that share the samples.
    """
    from tsdsl.artifacts.locate import RUNS, find_space
    from tsdsl.data import concerns, open_dataset, unlike_space
    from tsdsl.engine.device import choose_device
    from tsdsl.engine.ranks.ranks import joined
    from tsdsl.engine.runs.progress import Progress
    from tsdsl.report.run import write_report
    from tsdsl.report.trackers import tracker
    from tsdsl.searching import SearchOptions
    from tsdsl.searching import search as search_space

    flags = {
        "method": method,
        "recipe": recipe,
        "evaluations": evaluations,
        "epochs": epochs,
        "samples": samples,
        "batch_size": batch_size,
        "weight_lr": learning_rate,
        "seed": seed,
        "budget": budget,
        "classes": classes,
        "validation_fraction": validation_fraction,
        "num_workers": workers,
        "cache": cache,
        "checkpoint_iterations": checkpoint_every,
    }
    given = given_settings(settings, flags, changes or [])
    if show_settings:
        print(settings_text("search", fitted(SearchOptions, given), given), end="")
        return
    which = _parsed_step(step)
    if begin_from is not None and not isinstance(which, int):
        raise UsageError("--from takes over the steps before --step", help="give --step with a number, such as 2")
    if force and redo is None:
        raise UsageError("--force has no effect without --redo", help="it lets --redo remove what was searched")
    if redo is not None and (which != "all" or begin_from is not None):
        raise UsageError("--redo N searches from step N to the last one", help="leave --step and --from out")
    callbacks = [tracker(one) for one in log or ()]
    found = find_space(space, name, run).space
    folder = run or RUNS / found.name
    # Before `--redo` removes the steps that record them.
    branches_off = begin_from is not None and not (folder / "settings.json").exists()
    recorded = begin_from if begin_from is not None and branches_off else folder
    are_chosen = branches_off or redo is not None
    numbers = [which] if redo is None else _steps(found, redo)
    planned = [(one, *_settings(recorded, found, one, given, data, are_chosen=are_chosen)) for one in numbers]
    with joined(choose_device(device)) as ranks, Progress(quiet=quiet or not ranks.is_first) as progress:
        if given.values and not quiet and ranks.is_first:
            note(
                f"settings: {given.described()}; others are those recorded or the defaults; "
                f"all are in {folder}/*/settings.json"
            )
        if data is not None and ranks.is_first:
            # A search divides the training clips itself.
            clips = open_dataset(data, "train")
            for concern in concerns(clips, ("train", "val")):
                note(f"warning: {concern}")
            for difference in unlike_space(data, planned[0][2].classes or clips.num_classes, found.name, found.classes):
                note(difference)
        if redo is not None:
            ranks.first(lambda: _remove_steps(folder, redo, force))
        for one, chosen, data_settings, cadence in planned:
            result = search_space(
                found,
                step=one,  # type: ignore[arg-type]  # _parsed_step has checked it
                data=data,
                run=folder,
                settings=chosen,
                data_settings=data_settings,
                cadence=cadence,
                device=device,
                progress=progress,
                begin_from=begin_from,
                callbacks=callbacks,
                ranks=ranks,
            )
    if not ranks.is_first:
        return
    report_skipped(result.skipped)
    page = write_report(folder)
    _report(result, json, top)
    note(f"wrote {page}")


def _parsed_step(text: str) -> int | str:
    """`2` as 2, `all` and `joint` unchanged.

    Raises:
        UsageError: it is none of these.
    """
    if text in ("all", "joint"):
        return text
    if text.isdecimal():
        return int(text)
    raise UsageError(f"--step must be a step number, `all` or `joint`, got `{text}`", help="for instance --step 1")


def _steps(space: Space, first: int) -> list[int]:
    """The steps from the first on.

    Raises:
        UsageError: the space has no such step.
    """
    known = sorted(step.index for step in space.steps)
    if first not in known:
        raise UsageError(
            f"space {space.name} has no step {first}", help=f"its steps are {', '.join(map(str, known)) or 'none'}"
        )
    return [step for step in known if step >= first]


def _remove_steps(run: Path, first: int, force: bool) -> None:
    """Remove a step and those that build on it, as far as they were searched.

    Raises:
        UsageError: there are some, and `force` is not given; or a process is writing the run.
    """
    from tsdsl.engine.runs.catalogue import plan_part_removal, read_run, remove

    searched = read_run(run)
    states = {part.name: part.state for part in searched.parts if (number := _number(part.name)) and number >= first}
    if not states:
        return
    listed = ", ".join(f"{name} ({state})" for name, state in states.items())
    if not force:
        raise UsageError(
            f"{run}: --redo {first} removes {listed}",
            help=f"add --force; or keep them and search on in another run: --run FOLDER --from {run} --step {first}",
        )
    removal = plan_part_removal(searched, states)
    for kept in removal.kept:
        note(f"kept, because it is not part of this run: {kept}")
    remove(removal)
    note(f"removed {listed}; after an interruption, go on with the same command without --redo and --force")


def _number(part: str) -> int | None:
    """The number of a step from the name of its folder; None for the joint search."""
    digits = part.removeprefix("step")
    return int(digits) if digits.isdecimal() else None


def _settings(
    run: Path, space: Space, which: int | str, given: Given, data: Path | None, *, are_chosen: bool
) -> tuple[SearchSettings | None, DataSettings, Cadence]:
    """The given settings over those recorded by the run.

    The first is None if no search setting is given, unless `are_chosen`: the step will not find those recorded.
    """
    from tsdsl.artifacts.locate import recommended_clip
    from tsdsl.searching import DataSettings, SearchOptions, SearchSettings, recorded_data_settings, recorded_settings
    from tsdsl.searching.settings import PAPER_VALUES

    if isinstance(which, int):
        step: int | None = which
    else:
        step = None if which == "joint" else min((s.index for s in space.steps), default=None)
    recorded = recorded_settings(run, space, step)
    recorded_data = recorded_data_settings(run, space, step)
    beneath: dict[str, Any] = recorded.model_dump(mode="json") if recorded is not None else {}
    beneath |= (recorded_data or DataSettings()).model_dump(mode="json")
    if beneath["clip"] is None and any(name.startswith("clip.") for name in given.values):
        beneath["clip"] = recommended_clip(data, run)
    if "recipe" in given.values:
        beneath = {name: value for name, value in beneath.items() if name not in PAPER_VALUES}
    combined = fitted(SearchOptions, given, beneath)
    chosen = combined.search_settings() if given.of(SearchSettings) or are_chosen else None
    return chosen, combined.data_settings(), combined.cadence()


def _report(result: SearchResult, as_json: bool, top: int) -> None:
    if as_json:
        print_json(result.model_dump(mode="json"))
        return
    console = facts()
    target = f" (target {result.target:,})" if result.target else ""
    console.print(f"step {result.step}: {result.architecture}")
    console.print(f"  {result.flops:,} multiply-adds{target}, selected by {result.selection}")
    console.print(f"  accuracy {result.accuracy:.1%} on the clips that alpha learned from, after recalibration")
    console.print(f"  entropy {result.entropy:.2f} nats, {result.samples:,} samples, {result.seconds:.1f} s")
    if result.undecided is not None:
        console.print(f"  undecided: {result.undecided}", markup=False)
    for place, contender in enumerate(result.top[:top], start=1):
        decisions = " ".join(f"{path}={value}" for path, value in contender.decisions.items())
        interval = f"{contender.score:+.4f} ± {1.96 * contender.deviation:.4f}"
        console.print(f"  {place}. scores {interval} of the average: {decisions}", markup=False, soft_wrap=True)
    if top and not result.top:
        note("--top: no effect, as only thompson knows intervals")
