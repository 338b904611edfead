"""`tsdsl data`: writes demo clips; indexes, subsets, verifies, re-encodes and packs data sets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsdsl.cli.options import Json
from tsdsl.cli.work.console import facts, note
from tsdsl.errors import UsageError
from tsdsl.printable import printable
from tsdsl.processes import available_cores

if TYPE_CHECKING:
    from tsdsl.data import DatasetIndex, PrepareReport, VerifyReport

app = typer.Typer(
    help="Write demo clips; index, subset, verify, re-encode and pack data sets.",
    no_args_is_help=True,
)

Dataset = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the data set.")]
Source = Annotated[Path, typer.Argument(metavar="SOURCE", help="Folder of the data set; not changed.")]
Kind = Annotated[
    str | None,
    typer.Option(
        help="folder, kinetics-list, kinetics-csv, something-something-v2, ucf101, hmdb51, table or shards; detected "
        "if omitted"
    ),
]


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write; an earlier demo is replaced.")],
    textures: Annotated[int, typer.Option(help="Number of textures, each with four classes: its directions.")] = 12,
    clips: Annotated[int, typer.Option(help="Training clips per class.")] = 16,
    val_clips: Annotated[int, typer.Option(help="Validation clips per class.")] = 6,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    as_json: Json = False,
) -> None:
    """Write the demo clips: h264 files whose classes need both streams to tell apart."""
    from tsdsl.data import DemoSettings, write_demo

    settings = DemoSettings(
        num_textures=textures, train_clips_per_class=clips, val_clips_per_class=val_clips, seed=seed
    )
    with _progress("writing clips") as progress:
        report = write_demo(folder, settings, progress=progress)
    content = {
        "root": str(report.root),
        "classes": report.num_classes,
        "clips": {"train": report.num_train_clips, "val": report.num_val_clips},
        "bytes": report.size_bytes,
        "seconds": round(report.seconds, 2),
    }
    if as_json:
        typer.echo(json.dumps(content))
        return
    typer.echo(
        f"{report.root}: {report.num_classes} classes, {report.num_train_clips} training and"
        f" {report.num_val_clips} validation clips, {report.size_bytes / 1e6:.1f} MB, {report.seconds:.1f} s"
    )


@app.command()
def index(
    folder: Dataset,
    kind: Kind = None,
    as_json: Json = False,
) -> None:
    """Show the kind, splits, classes, counts and missing clips of a data set."""
    from tsdsl.data import index_dataset

    found = index_dataset(folder, kind=kind)
    for concern in found.concerns:
        note(f"warning: {concern}")
    if as_json:
        typer.echo(json.dumps(_index_facts(found)))
    else:
        _print_index(found)


@app.command()
def select(
    source: Source,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write; holds a record, no clips.")],
    classes: Annotated[
        int | None, typer.Option(min=2, help="Number of random classes; default: 100, as the paper searches with.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Random seed; default: 0.")] = None,
    names: Annotated[
        list[str] | None, typer.Option("--class", metavar="NAME", help="A class by name, in place of random ones.")
    ] = None,
    names_file: Annotated[
        Path | None, typer.Option("--class-list", metavar="FILE", help="File with the name of a class on each line.")
    ] = None,
    kind: Kind = None,
    as_json: Json = False,
) -> None:
    """Make a data set for search, train and eval from some classes of another: random ones, or those named."""
    from tsdsl.data import select_classes
    from tsdsl.data.layouts.listed import read_class_list

    wanted = [*(names or []), *(() if names_file is None else read_class_list(names_file).names)]
    if wanted and (classes is not None or seed is not None):
        raise UsageError("--class names the classes, --classes and --seed draw them", help="give one or the other")
    if names_file is not None and not wanted:
        raise UsageError(f"{names_file}: names no class", help="write the name of a class on each line")
    report = select_classes(source, folder, wanted or classes or 100, seed or 0, kind=kind)
    clips = {dataset.split: len(dataset.records) for dataset in report.splits}
    if as_json:
        typer.echo(json.dumps({"root": str(report.root), **report.selection.model_dump(mode="json"), "clips": clips}))
        return
    counts = " and ".join(f"{count} {split} clips" for split, count in clips.items())
    drawn = "" if report.selection.seed is None else f", seed {report.selection.seed}"
    typer.echo(
        f"{report.root}: {len(report.selection.classes)} of {report.selection.of_classes} classes of"
        f" {report.selection.source}{drawn}; {counts}; dataset.json names them"
    )


@app.command()
def split(
    folder: Dataset,
    validation: Annotated[float, typer.Option(help="Share of each class's training clips, between 0 and 1.")] = 0.1,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
    as_json: Json = False,
) -> None:
    """Make some training clips the validation split, in DIR/dataset.json; no file is moved."""
    from tsdsl.data import split_dataset

    report = split_dataset(folder, validation, seed)
    counts = {dataset.split: len(dataset.records) for dataset in (report.training, report.validation)}
    if as_json:
        typer.echo(json.dumps({"root": str(folder), **report.part.model_dump(), "clips": counts}))
        return
    typer.echo(
        f"{folder}: {counts['val']} of {sum(counts.values())} training clips validate, {report.part.fraction:g} of each"
        f" class by seed {report.part.seed}; clips of one video stay together; dataset.json records it"
    )


@app.command()
def verify(
    folder: Dataset,
    kind: Kind = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File for the bad and missing clips, one per line.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Decode every file of a data set and list the bad ones; exit with 1 if there are any."""
    from tsdsl.data import verify_dataset

    with _progress("decoding") as progress:
        report = verify_dataset(folder, kind=kind, progress=progress)
    lines = _bad_lines(report)
    if output is not None:
        from tsdsl.data.prepare.verify import write_bad_list

        write_bad_list(output, lines)
    if as_json:
        content = {
            "videos": report.num_videos,
            "frames": report.num_frames,
            "bad": report.bad.to_json(),
            "missing": list(report.missing),
        }
        typer.echo(json.dumps(content))
    else:
        for line in lines:
            typer.echo(printable(line))
        typer.echo(
            f"{report.num_videos} videos, {report.num_frames} frames: {len(report.bad)} bad,"
            f" {len(report.missing)} missing"
        )
    if not report.is_sound:
        raise typer.Exit(1)


@app.command()
def prepare(
    source: Source,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the copy; an earlier copy is updated.")],
    short_side: Annotated[int, typer.Option(help="Short side in pixels; smaller videos keep their size.")] = 182,
    gop: Annotated[int, typer.Option(help="Frames between key frames.")] = 12,
    crf: Annotated[int, typer.Option(help="Quality of x264, from 0 (best) to 51.")] = 20,
    split: Annotated[list[str] | None, typer.Option(help="Split to prepare; default: train and val.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; 0: this one. Default: one per core.")] = None,
    kind: Kind = None,
    as_json: Json = False,
) -> None:
    """Re-encode a data set for fast decoding; after an interruption, the same command continues."""
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
        typer.echo(printable(f"left out: {path}\t{reason}"), err=True)
    clips = ", ".join(f"{count} {split} clips" for split, count in report.clips.items())
    typer.echo(
        f"{report.root}: {clips}; {report.num_videos} videos ({report.num_reused} already done),"
        f" {report.size_bytes / 1e6:.1f} of {report.source_bytes / 1e6:.1f} MB, {report.seconds:.1f} s;"
        f" {len(report.left_out)} left out, {report.num_missing} missing"
    )


@app.command()
def pack(
    source: Source,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the shards; an earlier run is continued.")],
    shard_mb: Annotated[int, typer.Option(min=1, help="Size of a shard in millions of bytes, at most.")] = 512,
    split: Annotated[list[str] | None, typer.Option(help="Split to pack; default: train and val.")] = None,
    kind: Kind = None,
    as_json: Json = False,
) -> None:
    """Write a data set as tar shards in WebDataset's form, with the same videos byte for byte."""
    from tsdsl.data import pack_dataset

    with _progress("packing") as progress:
        report = pack_dataset(source, folder, shard_mb * 10**6, kind=kind, splits=split, progress=progress)
    if as_json:
        content = {"root": str(report.root), "clips": report.clips, "shards": report.num_shards}
        typer.echo(json.dumps(content | {"bytes": report.size_bytes, "seconds": round(report.seconds, 2)}))
        return
    clips = " and ".join(f"{count} {split} clips" for split, count in report.clips.items())
    size = f"{report.size_bytes / 1e6:.1f} MB, {report.seconds:.1f} s"
    typer.echo(f"{report.root}: {clips} in {report.num_shards} shards, {size}")


Pattern = typer.Option(metavar="SHARDS", help="Path or URL of shards, as 'https://host/a-{000..009}.tar'; repeatable.")


@app.command()
def shards(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that holds shards, or only their index.")],
    train: Annotated[list[str] | None, Pattern] = None,
    val: Annotated[list[str] | None, Pattern] = None,
    test: Annotated[list[str] | None, Pattern] = None,
    as_json: Json = False,
) -> None:
    """Index tar shards, those in DIR or others by path or URL, in DIR/shards.csv: DIR is then a data set."""
    from tsdsl.data import write_shard_index

    given = {split: names for split, names in (("train", train), ("val", val), ("test", test)) if names}
    with _progress("indexing") as progress:
        report = write_shard_index(folder, given or None, progress)
    if as_json:
        typer.echo(json.dumps({"root": str(report.root), "shards": report.shards, "clips": report.clips}))
        return
    counts = " and ".join(f"{report.clips[split]} {split} clips in {n} shards" for split, n in report.shards.items())
    typer.echo(f"{report.root}: {counts}; shards.csv says where")


def _num_workers(asked: int | None) -> int:
    if asked is None:
        return available_cores()
    if asked < 0:
        raise UsageError(f"--workers must be 0 or more, got {asked}", help="0 decodes in this process")
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
        "split_number": found.splits[0].split_number,
        "frames_fps": found.splits[0].frames_fps,
        "flip_allowed": found.splits[0].flip_allowed,
        "unlabelled": list(found.unlabelled),
        "warnings": found.concerns,
        "splits": {
            dataset.split: {
                "clips": len(dataset.records),
                "clips_per_class": list(dataset.clips_per_class),
                "missing": list(dataset.missing),
                "moved_from": dataset.moved_from,
                "passed_over": list(dataset.passed_over),
                "other_files": dict(dataset.others),
            }
            for dataset in found.splits
        },
    }


def _print_index(found: DatasetIndex) -> None:
    from rich.table import Table

    number = found.splits[0].split_number
    kind = found.kind if number is None else f"{found.kind}, official split {number}"
    table = Table(title=f"{found.root} ({kind}, {len(found.class_names)} classes)", title_justify="left")
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
    console = facts()
    console.print(table)
    first, last = found.class_names[0], found.class_names[-1]
    console.print(f"classes: {first!r} (0) to {last!r} ({len(found.class_names) - 1})", markup=False)
    fps = found.splits[0].frames_fps
    if fps is not None:
        console.print(
            f"clips are folders of frames at {fps:g} a second; `frames_fps` in dataset.json gives another rate",
            markup=False,
        )
    for split in found.unlabelled:
        console.print(f"{split}: its list has no classes, so it is not read", markup=False)
    for dataset in found.splits:
        if dataset.moved_from is not None:
            console.print(
                f"the list of {dataset.split} names files below {dataset.moved_from}; read below {found.root} instead",
                markup=False,
            )
        if dataset.passed_over:
            console.print(
                f"{dataset.split}: {len(dataset.passed_over)} links are passed over, as they lead to folders that are "
                f"read already, such as {dataset.passed_over[0]}",
                markup=False,
            )
        if dataset.others:
            suffixes = ", ".join(f"{count} {suffix or 'without suffix'}" for suffix, count in dataset.others.items())
            console.print(
                f"{dataset.split}: files in class folders that are not read as videos: {suffixes}", markup=False
            )
        for name in dataset.missing[:10]:
            console.print(f"missing in {dataset.split}: {name}", markup=False)
        if len(dataset.missing) > 10:
            console.print(f"... and {len(dataset.missing) - 10} more; --json lists them all")


@contextmanager
def _progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task(title, total=None)

        def update(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total)

        yield update
