"""`tsdsl front`: the best architecture at every budget, as a finished search knows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tsdsl.cli.options import Json, OldPoints, RunStep, renamed
from tsdsl.cli.work.console import facts, print_json
from tsdsl.errors import FileError

if TYPE_CHECKING:
    from tsdsl.searching.front import FrontPoint


def front(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a search or a quickstart.")],
    step: RunStep = None,
    number: Annotated[
        int, typer.Option("-n", "--number", min=2, help="Number of points at most, evenly spaced by cost.")
    ] = 20,
    json: Json = False,
    old_points: OldPoints = None,
) -> None:
    """Print the best architecture at every budget of multiply-adds, by the scores of a finished step.

    The score is the accuracy predicted from what the search measured, or how much more than the average architecture
    the posterior of Thompson sampling expects, with a 95 % interval; or log P(A | alpha).
    """
    from tsdsl.artifacts.locate import SPACE_FILE, read_space
    from tsdsl.report.landscape import run_of
    from tsdsl.searching.front import finished_step, step_front
    from tsdsl.units import giga

    folder = run_of(run)
    if not (folder / SPACE_FILE).is_file():
        raise FileError(f"{run}: is not a search run", help="give a folder that `tsdsl search` wrote")
    space = read_space(folder / SPACE_FILE)
    found = step_front(folder, space, finished_step(folder, step))
    shown = _spaced(found.points, renamed(number, old_points, "--points", "--number"))
    if json:
        content = [{**asdict(point), "decisions": dict(point.decisions)} for point in shown]
        print_json({"score": found.score, "gap": found.gap, "num_points": len(found.points), "points": content})
        return
    console = facts()
    console.print(f"{len(found.points)} points by {found.score}; {len(shown)} of them:")
    for point in shown:
        if point.low is None:
            score = f"{point.score:9.2f} nats"
        elif found.score == "score above the average":
            score = f"{point.score:+9.4f} [{point.low:+.4f}, {point.high:+.4f}]"
        else:
            score = f"{point.score:7.1%} [{point.low:.1%}, {point.high:.1%}]"
        console.print(f"{giga(point.flops):>16}  {score}", markup=False)
    if found.gap > 0:
        console.print(f"at any budget, no architecture scores higher by more than {found.gap:.3g}")


def _spaced(points: Sequence[FrontPoint], most: int) -> list[FrontPoint]:
    """At most so many points, the first and the last among them, evenly spaced by the logarithm of their cost."""
    if len(points) <= most:
        return list(points)
    ratio = points[-1].flops / points[0].flops
    found = {0, len(points) - 1}
    for number in range(1, most - 1):
        budget = points[0].flops * ratio ** (number / (most - 1))
        found.add(max(index for index, point in enumerate(points) if point.flops <= budget))
    return [points[index] for index in sorted(found)]
