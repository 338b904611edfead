"""`tsdsl search`: the search of a step, of all, or of the whole space at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsdsl.cli.console import facts, note, print_json, report_skipped
from tsdsl.cli.report import write_report
from tsdsl.cli.settings_flags import parsed_settings
from tsdsl.errors import UsageError

if TYPE_CHECKING:
    from tsdsl.search import SearchResult, SearchSettings
    from tsdsl.space.model import Space

RUNS = Path("runs")


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
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any other setting; see --show-settings.")
    ] = None,
    classes: Annotated[int | None, typer.Option("--classes", help="Random classes of the data; default all.")] = None,
    validation_fraction: Annotated[
        float | None, typer.Option("--validation-fraction", min=0.01, max=0.99, help="Clips for alpha; default half.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=0, help="Processes that decode clips.")] = 0,
    cache: Annotated[bool, typer.Option("--cache", help="Keep decoded videos in memory.")] = False,
    checkpoint_every: Annotated[int, typer.Option("--checkpoint-every", min=1, help="Iterations.")] = 200,
    name: Annotated[str | None, typer.Option("--space", help="Which space, where the file holds several.")] = None,
    show_settings: Annotated[bool, typer.Option("--show-settings", help="List the settings and end.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Search a space with PARSEC or a baseline; the same command goes on after an interruption.

    Started with `torchrun --nproc-per-node W -m tsdsl search ...`, W processes share the samples.
    """
    from tsdsl.cli.locate import find_space
    from tsdsl.cli.settings_flags import describe_settings
    from tsdsl.engine.device import choose_device
    from tsdsl.engine.progress import Progress
    from tsdsl.engine.ranks import joined
    from tsdsl.search import Cadence, SearchSettings
    from tsdsl.search import search as search_space

    if show_settings:
        describe_settings(SearchSettings)
        return
    which = parsed_step(step)
    found = find_space(space, name).space
    folder = run or RUNS / found.name
    given = {"method": method, "evaluations": evaluations, "epochs": epochs, "samples": samples}
    given |= {"batch_size": batch_size, "seed": seed, "budget": budget}
    chosen = {key: value for key, value in given.items() if value is not None} | parsed_settings(settings or [])
    with joined(choose_device(device)) as ranks, Progress(quiet=quiet or not ranks.is_first) as progress:
        result = search_space(
            found,
            step=which,  # type: ignore[arg-type]  # parsed_step has checked it
            data=data,
            run=folder,
            settings=_settings(folder, found, which, chosen),
            data_settings=_data_settings(folder, found, which, classes, validation_fraction, workers, cache),
            cadence=Cadence(checkpoint_iterations=checkpoint_every),
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


def _settings(run: Path, space: Space, which: int | str, chosen: dict[str, Any]) -> SearchSettings | None:
    """The settings given, over those that the run records; None where none are given."""
    from tsdsl.search import recorded_settings, search_settings

    if not chosen:
        return None
    recorded = recorded_settings(run, space, _first(space, which))
    return search_settings((recorded.model_dump() if recorded is not None else {}) | chosen)


def _data_settings(
    run: Path,
    space: Space,
    which: int | str,
    classes: int | None,
    validation_fraction: float | None,
    workers: int,
    cache: bool,
) -> Any:
    from tsdsl.search import DataSettings, recorded_data_settings

    recorded = recorded_data_settings(run, space, _first(space, which)) or DataSettings()
    changes: dict[str, Any] = {"num_workers": workers, "cache": cache}
    if classes is not None:
        changes["classes"] = classes
    if validation_fraction is not None:
        changes["validation_fraction"] = validation_fraction
    return recorded.model_copy(update=changes)


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
