"""`tsdsl benchmark`: search methods compared on a table of accuracies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tsdsl.cli.options import Json, OldTarget, Within, renamed


def benchmark(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="A JSON table; see docs/method.md for the format.")],
    method: Annotated[
        str, typer.Option("--method", help="thompson, evolution, random, parsec, parsec-paper, or all.")
    ] = "thompson",
    evaluations: Annotated[int, typer.Option("--evaluations", min=1, help="Architectures a search measures.")] = 200,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Searches, with seeds from 0 on.")] = 50,
    within: Within = None,
    noise: Annotated[
        float, typer.Option("--noise", min=0, help="Deviation of a look-up's noise, in points, as with shared weights.")
    ] = 0.0,
    batch: Annotated[
        int | None,
        typer.Option(
            "--batch", min=2, help="With --noise: look-ups that share an offset of 2 points; 8.", show_default=False
        ),
    ] = None,
    json: Json = False,
    old_target: OldTarget = None,
) -> None:
    """Search a table of accuracies; print the mean and its 95 % interval of what the searches end with, in percent."""
    from tsdsl.benchmarks import METHODS, load_table, run
    from tsdsl.cli.work.console import facts, note, print_json
    from tsdsl.errors import UsageError
    from tsdsl.units import macs_amount

    if batch is not None and not noise:
        raise UsageError("--batch has no effect without --noise", help="add --noise 3, or leave out --batch")
    budget = renamed(within, old_target, "--target", "--within")
    most = None if budget is None else float(macs_amount(budget, "--within"))
    loaded = load_table(table)
    endings = []
    for name in METHODS if method == "all" else (method,):
        try:
            endings.append(
                run(loaded, name, evaluations=evaluations, seeds=seeds, target=most, noise=noise, batch=batch or 8)
            )
        except UsageError as error:
            # Thompson sampling searches any table: what stops it would stop all.
            if method != "all" or name == "thompson":
                raise
            note(f"{name} is left out: {error}")
    if json:
        print_json(
            {
                "table": loaded.source,
                "evaluations": evaluations,
                "target": most,
                "noise": noise,
                "methods": {
                    ending.method: {"mean": ending.mean, "interval": ending.interval, "accuracies": ending.accuracies}
                    for ending in endings
                },
            }
        )
        return
    for ending in endings:
        low, high = ending.interval
        facts().print(
            f"{ending.method:14}{ending.mean:7.2f} [{low:.2f}, {high:.2f}] (deviation {ending.deviation:.2f}) after "
            f"{evaluations} look-ups, {seeds} seeds",
            markup=False,
        )
