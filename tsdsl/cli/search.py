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
    from tsdsl.search import Cadence, DataSettings, SearchResult, SearchSettings
    from tsdsl.space.model import Space


def search(
    space: Annotated[
        str | None, typer.Argument(metavar="SPACE", help="Space; default: the last compiled space.")
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
        int | None, typer.Option("--evaluations", min=1, help="Architectures that a baseline measures.")
    ] = None,
    epochs: options.Epochs = None,
    samples: Annotated[int | None, typer.Option("--samples", help="Architectures K per batch, at least 2.")] = None,
    batch_size: options.BatchSize = None,
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
    name: options.SpaceName = None,
    show_settings: options.ShowSettings = False,
    quiet: options.Quiet = False,
    json: options.Json = False,
) -> None:
    """Search a space with Thompson sampling, PARSEC or a baseline; after an interruption, the same command continues.

    `torchrun --nproc-per-node W -m -- tsdsl search ...` starts W processes that share the samples.
    """
    from tsdsl.artifacts.locate import RUNS, find_space
    from tsdsl.data import concerns, open_dataset
    from tsdsl.engine.device import choose_device
    from tsdsl.engine.ranks.ranks import joined
    from tsdsl.engine.runs.progress import Progress
    from tsdsl.report.run import write_report
    from tsdsl.search import SearchOptions
    from tsdsl.search import search as search_space

    flags = {
        "method": method,
        "recipe": recipe,
        "evaluations": evaluations,
        "epochs": epochs,
        "samples": samples,
        "batch_size": batch_size,
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
    found = find_space(space, name).space
    folder = run or RUNS / found.name
    chosen, data_settings, cadence = _settings(folder, found, which, given, data)
    with joined(choose_device(device)) as ranks, Progress(quiet=quiet or not ranks.is_first) as progress:
        if given.values and not quiet and ranks.is_first:
            note(
                f"settings: {given.described()}; others are those recorded or the defaults; "
                f"all are in {folder}/*/settings.json"
            )
        if data is not None and ranks.is_first:
            # A search divides the training clips itself.
            for concern in concerns(open_dataset(data, "train"), ("train", "val")):
                note(f"warning: {concern}")
        result = search_space(
            found,
            step=which,  # type: ignore[arg-type]  # _parsed_step has checked it
            data=data,
            run=folder,
            settings=chosen,
            data_settings=data_settings,
            cadence=cadence,
            device=device,
            progress=progress,
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


def _settings(
    run: Path, space: Space, which: int | str, given: Given, data: Path | None
) -> tuple[SearchSettings | None, DataSettings, Cadence]:
    """The given settings over those recorded by the run; the first is None if no search setting is given."""
    from tsdsl.artifacts.locate import recommended_clip
    from tsdsl.search import DataSettings, SearchOptions, SearchSettings, recorded_data_settings, recorded_settings
    from tsdsl.search.settings import PAPER_VALUES

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
    chosen = combined.search_settings() if given.of(SearchSettings) else None
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
