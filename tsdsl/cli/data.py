"""`tsdsl data`: write demo clips, show what a data set holds, choose classes, find bad files, make it decode fast."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsdsl.errors import UsageError

if TYPE_CHECKING:
    from tsdsl.data import DatasetIndex, PrepareReport, VerifyReport

app = typer.Typer(
    help="Write demo clips, index a data set, choose classes of it, find its bad files, re-encode it to decode fast.",
    no_args_is_help=True,
)

KIND_HELP = "folder, kinetics-list, kinetics-csv or something-something-v2; found out if left away"


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write; an earlier demo is replaced.")],
    textures: Annotated[int, typer.Option(help="Textures; each makes four classes, one a direction.")] = 12,
    clips: Annotated[int, typer.Option(help="Training clips a class.")] = 16,
    val_clips: Annotated[int, typer.Option(help="Validation clips a class.")] = 6,
    seed: Annotated[int, typer.Option(help="The same seed writes the same clips.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the facts as JSON.")] = False,
) -> None:
    """Write the demo clips: real h264 files on which both streams are needed."""
    from tsdsl.data import DemoSettings, write_demo

    settings = DemoSettings(
        num_textures=textures, train_clips_per_class=clips, val_clips_per_class=val_clips, seed=seed
    )
    with _progress("writing clips") as progress:
        report = write_demo(folder, settings, progress=progress)
    facts = {
        "root": str(report.root),
        "classes": report.num_classes,
        "clips": {"train": report.num_train_clips, "val": report.num_val_clips},
        "bytes": report.size_bytes,
        "seconds": round(report.seconds, 2),
    }
    if as_json:
        typer.echo(json.dumps(facts))
        return
    typer.echo(
        f"{report.root}: {report.num_classes} classes, {report.num_train_clips} training and"
        f" {report.num_val_clips} validation clips, {report.size_bytes / 1e6:.1f} MB, {report.seconds:.1f} s"
    )


@app.command()
def index(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The data set's folder.")],
    kind: Annotated[str | None, typer.Option(help=KIND_HELP)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the facts as JSON.")] = False,
) -> None:
    """Show the kind, splits, classes, counts and missing clips of a data set."""
    from tsdsl.data import index_dataset

    found = index_dataset(folder, kind=kind)
    if as_json:
        typer.echo(json.dumps(_index_facts(found)))
    else:
        _print_index(found)


@app.command()
def select(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="The data set's folder; it stays as it is.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the record of the chosen classes goes.")],
    classes: Annotated[int, typer.Option(min=2, help="Random classes to choose; the paper's search: 100.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="The same seed chooses the same classes.")] = 0,
    kind: Annotated[str | None, typer.Option(help=KIND_HELP)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the facts as JSON.")] = False,
) -> None:
    """Choose random classes of a data set (MiniKinetics-100), as a data set for search, train and eval."""
    from tsdsl.data import select_classes

    report = select_classes(source, folder, classes, seed, kind=kind)
    clips = {dataset.split: len(dataset.records) for dataset in report.splits}
    if as_json:
        typer.echo(json.dumps({"root": str(report.root), **report.selection.model_dump(mode="json"), "clips": clips}))
        return
    counts = " and ".join(f"{count} {split} clips" for split, count in clips.items())
    typer.echo(
        f"{report.root}: {len(report.selection.classes)} of {report.selection.of_classes} classes of"
        f" {report.selection.source}, seed {seed}; {counts}; dataset.json names them"
    )


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The data set's folder.")],
    kind: Annotated[str | None, typer.Option(help=KIND_HELP)] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the bad and missing clips here, one a line.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the facts as JSON.")] = False,
) -> None:
    """Decode every file of a data set and list the bad ones; exit code 1 if there are any."""
    from tsdsl.data import verify_dataset

    with _progress("decoding") as progress:
        report = verify_dataset(folder, kind=kind, progress=progress)
    lines = _bad_lines(report)
    if output is not None:
        from tsdsl.data.prepare.verify import write_bad_list

        write_bad_list(output, lines)
    if as_json:
        facts = {
            "videos": report.num_videos,
            "frames": report.num_frames,
            "bad": report.bad.to_json(),
            "missing": list(report.missing),
        }
        typer.echo(json.dumps(facts))
    else:
        for line in lines:
            typer.echo(line)
        typer.echo(
            f"{report.num_videos} videos, {report.num_frames} frames: {len(report.bad)} bad,"
            f" {len(report.missing)} missing"
        )
    if not report.is_sound:
        raise typer.Exit(1)


@app.command()
def prepare(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="The data set's folder; it stays as it is.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the fast copy goes; an earlier one is updated.")],
    short_side: Annotated[int, typer.Option(help="Short side in pixels; smaller videos keep their size.")] = 182,
    gop: Annotated[int, typer.Option(help="Frames from one key frame to the next.")] = 12,
    crf: Annotated[int, typer.Option(help="x264's quality, 0 (best) to 51.")] = 20,
    split: Annotated[list[str] | None, typer.Option(help="A split to prepare; default: train and val.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; 0: this one. Default: one for each core.")] = None,
    kind: Annotated[str | None, typer.Option(help=KIND_HELP)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the facts as JSON.")] = False,
) -> None:
    """Re-encode a data set so that its clips decode fast; the same command goes on after an interruption."""
    from tsdsl.data import prepare_dataset
    from tsdsl.data.prepare.transcode import transcode_settings

    settings = transcode_settings(
        {"short_side_px": short_side, "key_frame_interval_frames": gop, "constant_rate_factor": crf}
    )
    with _progress("re-encoding") as progress:
        report = prepare_dataset(
            source, folder, settings, kind=kind, splits=split, num_workers=_num_workers(workers), progress=progress
        )
    if as_json:
        typer.echo(json.dumps(_prepare_facts(report)))
        return
    for path, reason in report.left_out:
        typer.echo(f"left out: {path}\t{reason}", err=True)
    clips = ", ".join(f"{count} {split} clips" for split, count in report.clips.items())
    typer.echo(
        f"{report.root}: {clips}; {report.num_videos} videos ({report.num_reused} done before),"
        f" {report.size_bytes / 1e6:.1f} of {report.source_bytes / 1e6:.1f} MB, {report.seconds:.1f} s;"
        f" {len(report.left_out)} left out, {report.num_missing} missing"
    )


def _num_workers(asked: int | None) -> int:
    if asked is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if asked < 0:
        raise UsageError(f"number of workers is {asked}", help="give 0 (in this process) or more")
    return asked


def _prepare_facts(report: PrepareReport) -> dict[str, Any]:
    return {
        "root": str(report.root),
        "clips": report.clips,
        "videos": report.num_videos,
        "reused": report.num_reused,
        "left_out": report.left_out.to_json(),
        "missing": report.num_missing,
        "bytes": report.size_bytes,
        "source_bytes": report.source_bytes,
        "seconds": round(report.seconds, 2),
    }


def _bad_lines(report: VerifyReport) -> list[str]:
    return [f"{path}\t{reason}" for path, reason in report.bad] + [f"{name}\tmissing" for name in report.missing]


def _index_facts(found: DatasetIndex) -> dict[str, Any]:
    return {
        "root": str(found.root),
        "kind": found.kind,
        "classes": list(found.class_names),
        "flip_allowed": found.splits[0].flip_allowed,
        "splits": {
            dataset.split: {
                "clips": len(dataset.records),
                "clips_per_class": list(dataset.clips_per_class),
                "missing": list(dataset.missing),
                "moved_from": dataset.moved_from,
            }
            for dataset in found.splits
        },
    }


def _print_index(found: DatasetIndex) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{found.root} ({found.kind}, {len(found.class_names)} classes)", title_justify="left")
    for heading in ("split", "clips", "classes with clips", "fewest", "most", "missing"):
        table.add_column(heading, justify="left" if heading == "split" else "right")
    for dataset in found.splits:
        counts = dataset.clips_per_class
        table.add_row(
            dataset.split,
            str(len(dataset.records)),
            str(sum(1 for count in counts if count)),
            str(min(counts)),
            str(max(counts)),
            str(len(dataset.missing)),
        )
    console = Console()
    console.print(table)
    for dataset in found.splits:
        if dataset.moved_from is not None:
            console.print(
                f"the list of {dataset.split} names files below {dataset.moved_from}; read below {found.root} instead",
                markup=False,
                highlight=False,
            )
        for name in dataset.missing[:10]:
            console.print(f"missing in {dataset.split}: {name}", markup=False, highlight=False)
        if len(dataset.missing) > 10:
            console.print(f"... and {len(dataset.missing) - 10} more; --json lists them all")


@contextmanager
def _progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on the error stream, drawn only where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task(title, total=None)

        def update(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total)

        yield update
