"""`tsdsl runs`: list, compare, clean and remove runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsdsl.cli.options import Json
from tsdsl.cli.work.console import facts, note, print_json
from tsdsl.errors import FileError, UsageError
from tsdsl.files import flattened

if TYPE_CHECKING:
    from rich.table import Table

    from tsdsl.engine.runs.catalogue import Removal, Run, RunPart

app = typer.Typer(help="List, compare, clean and remove runs.", no_args_is_help=True)

Runs = Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of runs.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
MAX_LISTED = 5
MAX_SHOWN = 80
"""Characters of a sentence in a cell; `--json` has all of it."""
NOT_COMPARED = frozenset({"skipped", "decisions", "weights"})


@app.command("list")
def list_runs(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to search, with those in it.")] = Path("runs"),
    json: Json = False,
) -> None:
    """List the runs in a folder: kind, state, accuracies, size.

    Accuracies are "shared" with the shared weights of a search, "trained" in the own validation of a training, or
    of an evaluation, such as "val-10x1".
    """
    from tsdsl.engine.runs.catalogue import find_runs

    runs, damaged = find_runs(folder)
    if json:
        print_json([_run_facts(run) for run in runs])
    elif runs:
        facts().print(_table(folder, runs))
    elif not damaged:
        note(f"{folder}: no runs")
    if damaged:
        raise FileError("; ".join(error.message for error in damaged), help=damaged[0].help)


def _table(folder: Path, runs: Sequence[Run]) -> Table:
    from rich.table import Table

    table = Table(title=f"{len(runs)} run{'s' if len(runs) != 1 else ''} in {folder}", title_justify="left")
    for heading in ("run", "kind", "space", "state", "accuracy", "MFLOPs", "size", "last written"):
        is_number = heading in ("accuracy", "MFLOPs", "size")
        table.add_column(heading, justify="right" if is_number else "left", overflow="fold")
    for run in runs:
        flops = (run.last_result or {}).get("flops")
        table.add_row(
            str(run.path.relative_to(folder)) if run.path != folder else str(folder),
            run.kind,
            run.space or "",
            _state(run),
            "\n".join(_accuracies(run)),
            f"{flops / 1e6:,.1f}" if isinstance(flops, int) else "",
            _size(run.size_bytes),
            time.strftime("%Y-%m-%d %H:%M", time.localtime(run.modified_s)),
        )
    return table


@app.command()
def compare(runs: Runs, json: Json = False) -> None:
    """Compare the results of runs, and the settings in which they differ.

    Each step of a search is a column; steps of the same name are next to each other.
    """
    from tsdsl.engine.runs.catalogue import damage, read_run

    found = [read_run(path) for path in runs]
    for error in (error for run in found for error in damage(run)):
        raise error
    parts = [(run, part) for run in found for part in run.parts]
    if len(parts) < 2:
        raise UsageError("expected at least two runs or steps", help="give two runs, or a search with several steps")
    order = list(dict.fromkeys(part.name for run, part in parts if part.path != run.path))
    parts.sort(key=lambda pair: order.index(pair[1].name) if pair[1].name in order else -1)
    names = [_part_name(run, part) for run, part in parts]
    results = _rows([part.result or {} for _, part in parts], differing_only=False)
    settings = _rows([part.settings for _, part in parts], differing_only=True)
    if json:
        print_json(
            {
                "runs": names,
                "state": [part.state for _, part in parts],
                "results": results,
                "settings_that_differ": settings,
            }
        )
        return
    _print_comparison(names, parts, results, settings)


@app.command()
def clean(runs: Runs, yes: Yes = False, json: Json = False) -> None:
    """Remove the checkpoints of finished runs and steps; results, weights and logs are kept."""
    _remove_from(runs, yes, json, checkpoints_only=True)


@app.command()
def remove(runs: Runs, yes: Yes = False, json: Json = False) -> None:
    """Remove runs: all files that tsdsl wrote for them. Other files and runs in their folders are kept."""
    _remove_from(runs, yes, json, checkpoints_only=False)


def _remove_from(paths: Sequence[Path], yes: bool, as_json: bool, checkpoints_only: bool) -> None:
    from tsdsl.engine.runs.catalogue import plan_removal, read_run
    from tsdsl.engine.runs.catalogue import remove as remove_planned

    # Read all before removing any: a mistyped path must not leave the work half done.
    removals = [plan_removal(read_run(path), checkpoints_only) for path in dict.fromkeys(paths)]
    removals = [removal for removal in removals if removal.paths]
    for removal in removals:
        what = "checkpoints of" if checkpoints_only else "all of"
        note(f"{what} {removal.run.path} ({removal.run.kind}, {_state(removal.run)}): {_size(removal.size_bytes)}")
        for kept in removal.kept:
            note(f"  kept, because it is not part of this run: {kept}")
    total = sum(removal.size_bytes for removal in removals)
    if removals and not yes:
        _ask(f"remove {_size(total)}?")
    for removal in removals:
        remove_planned(removal)
    if as_json:
        print_json({"removed": [_removal_facts(removal) for removal in removals], "bytes": total})
    else:
        note(f"removed {_size(total)}" if removals else "nothing to remove")


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError(f"{question} cannot ask, because standard input is not a terminal", help="give --yes")
    typer.confirm(question, abort=True, err=True)


def _run_facts(run: Run) -> dict[str, Any]:
    return {
        "run": str(run.path),
        "kind": run.kind,
        "space": run.space,
        "state": run.state,
        "bytes": run.size_bytes,
        "modified": run.modified_s,
        "parts": [
            {
                "name": part.name,
                "state": part.state,
                "iteration": part.iteration,
                "iterations": part.iterations,
                "result": part.result,
                "evaluations": {name: one.model_dump(mode="json") for name, one in part.evaluations.items()},
            }
            for part in run.parts
        ],
    }


def _removal_facts(removal: Removal) -> dict[str, Any]:
    return {"run": str(removal.run.path), "bytes": removal.size_bytes, "kept": [str(path) for path in removal.kept]}


def _state(run: Run) -> str:
    """The state of a run's parts: `step1, step2 finished, step3 unfinished at iteration 20 of 90`."""
    if len(run.parts) == 1 and run.parts[0].path == run.path and run.state == "finished":
        return run.state
    states = []
    for state, parts in groupby(run.parts, key=lambda part: part.state):
        among = list(parts)
        if state == "finished":
            states.append(" ".join([", ".join(part.name for part in among if part.path != run.path), state]).strip())
        else:
            states += [
                f"{'' if part.path == run.path else part.name + ' '}{state} at iteration {_progress(part)}"
                for part in among
            ]
    return ", ".join(states) or run.state


def _progress(part: RunPart) -> str:
    return str(part.iteration) if part.iterations is None else f"{part.iteration} of {part.iterations}"


def _part_name(run: Run, part: RunPart) -> str:
    return str(run.path) if part.path == run.path else f"{run.path}/{part.name}"


def _rows(columns: Sequence[Mapping[str, Any]], differing_only: bool) -> dict[str, list[Any]]:
    """The values of each dotted name in all columns, None where missing."""
    flat = [flattened(column) for column in columns]
    names = dict.fromkeys(name for column in flat for name in column)
    rows = {name: [column.get(name) for column in flat] for name in names if name.split(".")[0] not in NOT_COMPARED}
    return {n: v for n, v in rows.items() if not differing_only or any(one != v[0] for one in v)}


def _print_comparison(
    names: Sequence[str],
    parts: Sequence[tuple[Run, RunPart]],
    results: Mapping[str, Sequence[Any]],
    settings: Mapping[str, Sequence[Any]],
) -> None:
    from rich.table import Table

    table = Table()
    table.add_column("")
    for name in names:
        table.add_column(name, justify="right", overflow="fold")
    table.add_row("state", *(part.state for _, part in parts))
    for name, values in results.items():
        table.add_row(name, *map(_brief, values))
    table.add_section()
    for name, values in settings.items():
        table.add_row(name, *map(_shown, values), style="dim")
    facts().print(table)


def _brief(value: Any) -> str:
    """A result in one cell: a list of records is counted, and a sentence is cut."""
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return f"{len(value)} in --json"
    return shorten(value, MAX_SHOWN, placeholder=" ...") if isinstance(value, str) else _shown(value)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list) and len(value) > MAX_LISTED:
        return f"{', '.join(map(str, value[:MAX_LISTED]))} and {len(value) - MAX_LISTED} more"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _accuracies(run: Run) -> list[str]:
    """The accuracies of a run, each with what it is of: shared weights, a training's validation, an evaluation."""
    result = run.last_result or {}
    own = [("shared", result.get("accuracy")), ("trained", result.get("val_top1"))]
    evaluated = [(name, one.top1) for part in run.parts for name, one in part.evaluations.items()]
    return [f"{name} {value:.1%}" for name, value in (*own, *evaluated) if isinstance(value, float)]


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB" if size_bytes < 1e9 else f"{size_bytes / 1e9:,.2f} GB"
