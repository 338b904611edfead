"""CPU seconds of checking: a shipped space by a fresh process, a large file, and the large file again after an edit.

    python tests/benchmarks/check_time.py [--groups N] [--runs N] [--write]

A fresh `tsdsl check std:auto_tsnet` is set beside a process that only imports numpy, pydantic and typer, in turns, as
on a busy machine only their ratio means something. The large file has N groups (default 2000) of which no two
neighbours are alike; files of half and a quarter of that show how time grows. An edit changes the line of one group,
a different one each time; the server then takes what it knows of the whole text anew. Medians of the runs.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping

from recording import recorded

from tsdsl.check.check import check
from tsdsl.lsp.snapshot import take
from tsdsl.source import SourceFile

GROUPS_A_STAGE = 10
NOTHING_ELSE = "import numpy, pydantic, typer"


def large_space(num_groups: int) -> str:
    """Two streams of so many groups together, fused and attended in ten stages, in two steps with budgets."""
    lines = ["tsspace 1", "", "space large {", "  classes = 400", "  size    = 112"]
    lines.append("  block mb = mbconv3d(t = {1, 3, 5}, k = {3, 5})")
    for rank, name in enumerate(("sparse", "dense")):
        lines += [f"  stream {name} {{", f"    frames = {4 * 4**rank}"]
        for number in range(num_groups // 2):
            if number % GROUPS_A_STAGE == 0:
                lines.append(f"    stage {number // GROUPS_A_STAGE} {{")
            lines.append(f"      {_group(number, 32 >> (2 * rank))}")
            if number % GROUPS_A_STAGE == GROUPS_A_STAGE - 1 or number == num_groups // 2 - 1:
                lines.append("    }")
        lines.append("  }")
    lines += ["  fusion dense -> sparse {", "    after = stage[0..9].group[2]"]
    lines += ["    op    = {none, time_strided_conv, time_to_channel}", "  }"]
    lines += ["  attention sparse {", "    after = stage[0..9].group[4]", "    op    = {none, glore, se}", "  }"]
    lines.append(f"  step 1 {{ search = sparse  target = {num_groups * 1200} MFLOPs }}")
    lines.append(f"  step 2 {{ search = dense, fusion, attention  target = {num_groups * 1600} MFLOPs }}")
    return "\n".join([*lines, "}", ""])


def _group(number: int, width: int) -> str:
    low = width + width // 4 * (number % 7)
    repeat = f" * {1 + number % 3}" if number % 3 else ""
    expansion = ("{1.5, 3, 4.5}", "2 .. 6 by 2", "{2, 3}", "{1, 2, 4, 6}")[number % 4]
    return f"group mb(channels = {low} .. {low + width} by {width // 2}, expansion = {expansion}){repeat}"


def cpu_s(command: list[str]) -> float:
    """The CPU seconds of a process, which may keep bytecode as it usually does."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def fresh_process(runs: int) -> str:
    """The check of a shipped space against the imports alone."""
    ours, others = [], []
    cpu_s([sys.executable, "-m", "tsdsl", "check", "std:auto_tsnet"])  # compiles to bytecode
    for _ in range(runs):
        ours.append(cpu_s([sys.executable, "-m", "tsdsl", "check", "std:auto_tsnet"]))
        others.append(cpu_s([sys.executable, "-c", NOTHING_ELSE]))
    one, other = statistics.median(ours), statistics.median(others)
    return (
        f"fresh `tsdsl check std:auto_tsnet`: {one:.3f} s of CPU, {one / other:.2f} of `{NOTHING_ELSE}` ({other:.3f} s)"
    )


def large_files(num_groups: int, runs: int) -> str:
    """The check of files of three sizes, each in a process that has not seen it."""
    code = (
        "import sys, time; from tsdsl.check.check import check; from tsdsl.source import SourceFile;"
        "source = SourceFile('large.tsspace', sys.stdin.read()); begin = time.process_time();"
        "found = check(source); print(time.process_time() - begin, len(found.spaces))"
    )
    sizes = (num_groups // 4, num_groups // 2, num_groups)
    taken: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(runs):
        for size in sizes:
            answer = subprocess.run(
                [sys.executable, "-c", code], input=large_space(size), text=True, capture_output=True, check=True
            )
            seconds, spaces = answer.stdout.split()
            assert spaces == "1"
            taken[size].append(float(seconds))
    medians = {size: statistics.median(values) for size, values in taken.items()}
    return "check of a new file: " + ", ".join(f"{size} groups {value:.3f} s" for size, value in medians.items())


def after_edits(num_groups: int, runs: int) -> Iterator[str]:
    """What the server does when a text has changed, for each way of changing the line of one group."""
    text = large_space(num_groups)
    lines = text.split("\n")
    places = [number for number, line in enumerate(lines) if line.strip().startswith("group")]
    for what, change in EDITS.items():
        taken = []
        for run in range(runs):
            snapshot = take(SourceFile("large.tsspace", text))
            edited = list(lines)
            place = places[len(places) * (run + 1) // (runs + 1)]
            edited[place] = change(edited[place])
            source = SourceFile("large.tsspace", "\n".join(edited))
            begin = time.process_time()
            snapshot = take(source, snapshot)
            taken.append(time.process_time() - begin)
            assert list(snapshot.diagnostics) == list(check(source).diagnostics)
        yield f"server's check of {num_groups} groups after {what}: {statistics.median(taken):.3f} s"


EDITS: Mapping[str, Callable[[str], str]] = {
    "a decision is added": lambda line: line.replace("expansion = ", "t = {1, 3}, expansion = "),
    "choices are changed": lambda line: re.sub(r"channels = [^,]*", "channels = {24, 56}", line),
    "a group is inserted": lambda line: f"{line}\n{line}",
    "a group is removed": lambda line: "",
    "a mistake is made": lambda line: line.replace("expansion", "expnasion"),
    "a bracket is lost": lambda line: line.replace(")", ""),
}


def main() -> None:
    """Print the three figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", type=int, default=2000, help="groups of the large file (default: 2000)")
    parser.add_argument("--runs", type=int, default=5, help="runs of which the median is told (default: 5)")
    parser.add_argument("--write", action="store_true", help="write results/check_time.txt")
    arguments = parser.parse_args()
    with recorded("check_time", arguments.write):
        print(fresh_process(2 * arguments.runs + 1), flush=True)
        print(large_files(arguments.groups, arguments.runs), flush=True)
        for line in after_edits(arguments.groups, arguments.runs):
            print(line, flush=True)


if __name__ == "__main__":
    main()
