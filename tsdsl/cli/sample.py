"""`tsdsl sample`: uniform architectures, exactly within a window of FLOPs."""

from __future__ import annotations

from typing import Annotated

import typer

from tsdsl.errors import UsageError


def sample(
    space: Annotated[
        str | None, typer.Argument(metavar="[SPACE]", help="A .tsspace file, std:NAME or compiled folder.")
    ] = None,
    count: Annotated[int, typer.Option("-n", "--number", min=1, help="How many.")] = 1,
    flops: Annotated[
        str | None, typer.Option("--flops", help="Window LO..HI, e.g. 1.2G..1.4G; ends may be open.")
    ] = None,
    step: Annotated[int | None, typer.Option("--step", help="As they stand after this step; default: whole.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed.")] = 0,
    name: Annotated[str | None, typer.Option("--space", help="Which space, where the file holds several.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Draw architectures uniformly over the space, or over those within a window of FLOPs."""
    import sys

    from tsdsl.analysis.questions.sampling import sample_architectures
    from tsdsl.artifacts.locate import find_space
    from tsdsl.cli.inspect import flops_quantity

    found = find_space(space, name).space
    if step is not None and step not in {s.index for s in found.steps}:
        known = ", ".join(str(s.index) for s in found.steps) or "none"
        raise UsageError(f"space {found.name} has no step {step}", help=f"steps are: {known}")
    least = most = None
    if flops is not None:
        low, dots, high = flops.partition("..")
        if not dots or not (low.strip() or high.strip()):
            raise UsageError(f"--flops {flops}: is no window", help="write LO..HI, for instance 1.2G..1.4G or ..1.4G")
        least = flops_quantity(low, "--flops") if low.strip() else None
        most = flops_quantity(high, "--flops") if high.strip() else None
    for architecture in sample_architectures(found, count, seed=seed, least_macs=least, most_macs=most, step=step):
        if json:
            sys.stdout.write(architecture.model_dump_json(exclude={"lineage", "versions"}) + "\n")
        else:
            choices = " ".join(f"{path}={value}" for path, value in architecture.decisions.items())
            sys.stdout.write(f"{architecture.flops:,} multiply-adds, {architecture.params:,} parameters: {choices}\n")
