"""`tsdsl search`: the search of a step, of all, or of the whole space at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsdsl.cli.console import facts, note, print_json, report_skipped
from tsdsl.cli.report import write_report
from tsdsl.cli.settings_sources import Given, fitted, given_settings, settings_text
from tsdsl.errors import UsageError

if TYPE_CHECKING:
    from tsdsl.search import Cadence, DataSettings, SearchResult, SearchSettings
    from tsdsl.space.model import Space


def search(
    space: Annotated[
        str | None, typer.Argument(metavar="[SPACE]", help="Space; default: the one compiled last.", show_default=False)
    ] = None,
    step: Annotated[str, typer.Option("--step", help="A step's number, all, or joint (one step over all).")] = "all",
    data: Annotated[
        Path | None, typer.Option("--data", help="Data set; a run remembers it.", show_default=False)
    ] = None,
    run: Annotated[
        Path | None, typer.Option("--run", help="Folder of the run; default runs/<space>.", show_default=False)
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    method: Annotated[
        str | None, typer.Option("--method", help="parsec, or a baseline: random, evolution or single_path.")
    ] = None,
    evaluations: Annotated[
        int | None, typer.Option("--evaluations", min=1, help="Architectures that a baseline measures.")
    ] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="Instead of the step's own.")] = None,
    samples: Annotated[int | None, typer.Option("--samples", help="Architectures K a batch, at least 2.")] = None,
    batch_size: Annotated[int | None, typer.Option("--batch-size", min=1, help="Clips a batch.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Seed of everything random.")] = None,
    budget: Annotated[
        str | None, typer.Option("--budget", help="hinge, or condition: draw only within the target.")
    ] = None,
    settings: Annotated[
        Path | None, typer.Option("--settings", metavar="FILE", help="A TOML file of settings; flags override it.")
    ] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any other setting; see --show-settings.")
    ] = None,
    classes: Annotated[int | None, typer.Option("--classes", help="Random classes of the data; default all.")] = None,
    validation_fraction: Annotated[
        float | None, typer.Option("--validation-fraction", min=0.01, max=0.99, help="Clips for alpha; default half.")
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=0, help="Processes that decode clips.")] = None,
    cache: Annotated[bool | None, typer.Option("--cache", help="Keep decoded videos in memory.")] = None,
    checkpoint_every: Annotated[
        int | None, typer.Option("--checkpoint-every", min=1, help="Iterations from one checkpoint to the next.")
    ] = None,
    name: Annotated[str | None, typer.Option("--space", help="Which space, where the file holds several.")] = None,
    show_settings: Annotated[
        bool, typer.Option("--show-settings", help="Print all settings as a file for --settings, and end.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Search a space with PARSEC or a baseline; the same command goes on after an interruption.

    Started with `torchrun --nproc-per-node W -m -- tsdsl search ...`, W processes share the samples.
    """
    from tsdsl.artifacts.locate import RUNS, find_space
    from tsdsl.engine.device import choose_device
    from tsdsl.engine.ranks.ranks import joined
    from tsdsl.engine.runs.progress import Progress
    from tsdsl.search import SearchOptions
    from tsdsl.search import search as search_space

    flags = {
        "method": ("--method", method),
        "evaluations": ("--evaluations", evaluations),
        "epochs": ("--epochs", epochs),
        "samples": ("--samples", samples),
        "batch_size": ("--batch-size", batch_size),
        "seed": ("--seed", seed),
        "budget": ("--budget", budget),
        "classes": ("--classes", classes),
        "validation_fraction": ("--validation-fraction", validation_fraction),
        "num_workers": ("--workers", workers),
        "cache": ("--cache", cache),
        "checkpoint_iterations": ("--checkpoint-every", checkpoint_every),
    }
    given = given_settings(settings, flags, changes or [])
    if show_settings:
        print(settings_text("search", fitted(SearchOptions, given), given), end="")
        return
    which = parsed_step(step)
    found = find_space(space, name).space
    folder = run or RUNS / found.name
    chosen, data_settings, cadence = _settings(folder, found, which, given, data)
    with joined(choose_device(device)) as ranks, Progress(quiet=quiet or not ranks.is_first) as progress:
        if given.values and not quiet and ranks.is_first:
            note(f"settings: {given.described()}; the rest as recorded or by default, all in {folder}/*/settings.json")
        result = search_space(
            found,
            step=which,  # type: ignore[arg-type]  # parsed_step has checked it
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
    _report(result, json)
    note(f"wrote {page}")


def parsed_step(text: str) -> int | str:
    """`2` as 2, `all` and `joint` as they are.

    Raises:
        UsageError: it is none of these.
    """
    if text in ("all", "joint"):
        return text
    if text.isdecimal():
        return int(text)
    raise UsageError(f"--step {text}: is no step", help="give a step's number, all, or joint")


def _first(space: Space, which: int | str) -> int | None:
    """The step whose recorded settings are the ones to go on with."""
    if isinstance(which, int):
        return which
    return None if which == "joint" else min((s.index for s in space.steps), default=None)


def _settings(
    run: Path, space: Space, which: int | str, given: Given, data: Path | None
) -> tuple[SearchSettings | None, DataSettings, Cadence]:
    """What was given, over what the run records; the first is None where nothing of it is given."""
    from tsdsl.artifacts.locate import recommended_clip
    from tsdsl.search import DataSettings, SearchOptions, SearchSettings, recorded_data_settings, recorded_settings

    step = _first(space, which)
    recorded = recorded_settings(run, space, step)
    recorded_data = recorded_data_settings(run, space, step)
    beneath: dict[str, Any] = recorded.model_dump(mode="json") if recorded is not None else {}
    beneath |= (recorded_data or DataSettings()).model_dump(mode="json")
    if beneath["clip"] is None and any(name.startswith("clip.") for name in given.values):
        beneath["clip"] = recommended_clip(data, run)
    options = fitted(SearchOptions, given, beneath)
    chosen = options.search_settings() if given.of(SearchSettings) else None
    return chosen, options.data_settings(), options.cadence()


def _report(result: SearchResult, as_json: bool) -> None:
    if as_json:
        print_json(result.model_dump(mode="json"))
        return
    console = facts()
    target = f" (target {result.target:,})" if result.target else ""
    console.print(f"step {result.step}: {result.architecture}")
    console.print(f"  {result.flops:,} multiply-adds{target}, selected by {result.selection}")
    console.print(f"  accuracy {result.accuracy:.1%} on the half that alpha learned from, after recalibration")
    console.print(f"  entropy {result.entropy:.2f} nats, {result.samples:,} samples, {result.seconds:.1f} s")
