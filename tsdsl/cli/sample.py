"""`tsdsl sample`: uniform architectures, exactly within a window of FLOPs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tsdsl.cli.options import Json, OldFlops, SpaceName, Within, renamed


def sample(
    space: Annotated[
        str | None,
        typer.Argument(metavar="SPACE", help="Space or run; default: the only .tsspace here."),
    ] = None,
    count: Annotated[int, typer.Option("-n", "--number", min=1, help="Number of architectures.")] = 1,
    within: Within = None,
    step: Annotated[int | None, typer.Option("--step", help="Architectures of this step; default: complete.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Random seed.")] = 0,
    name: SpaceName = None,
    json: Json = False,
    old_flops: OldFlops = None,
) -> None:
    """Draw architectures uniformly from the space, or from those within a window of FLOPs.

    --json prints one JSON object per line. A file of one is an architecture, used without --in beside its space.
    """
    import sys

    from tsdsl.analysis.questions.sampling import sample_architectures
    from tsdsl.artifacts.locate import find_space
    from tsdsl.cli.work.quantities import demand_step
    from tsdsl.library.windows import window_of
    from tsdsl.source_files import STANDARD

    located = find_space(space, name)
    found, is_text = located.space, located.label.startswith(STANDARD) or located.label.endswith(".tsspace")
    space_file = Path(located.label).name if is_text else None
    demand_step(found, step)
    window = renamed(within, old_flops, "--flops", "--within")
    least, most = (None, None) if window is None else window_of(window, "--within")
    for architecture in sample_architectures(found, count, seed=seed, least_macs=least, most_macs=most, step=step):
        if json:
            named = architecture.model_copy(update={"space_file": space_file})
            sys.stdout.write(named.model_dump_json(exclude={"lineage", "versions"}) + "\n")
        else:
            choices = " ".join(f"{path}={value}" for path, value in architecture.decisions.items())
            sys.stdout.write(f"{architecture.flops:,} multiply-adds, {architecture.params:,} parameters: {choices}\n")
