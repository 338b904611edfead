"""CPU seconds of checking, beside what each may take: a fresh process, an edit in the server, and a large file.

    python tests/benchmarks/check_time.py [--groups N] [--runs N] [--write]

A fresh `tsdsl check std:auto_tsnet` may take 1.6 times the CPU of a process that imports the modules it imports that
are not tsdsl's; both run in turns, as on a busy machine only their ratio means something. After an edit of that space
the server may take 30 ms. A file of N groups (default: 400) of which no two neighbours are alike may take 1 s when it
is new, and 0.5 s in the server after each kind of edit. The collector is off, as the server all but turns it off.
Medians of the runs.
"""

from __future__ import annotations

import argparse
import gc
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
from tsdsl.source_files import read_source

GROUPS_A_STAGE = 10
SPACE = "std:auto_tsnet"
IMPORTED = (
    "import runpy, sys; sys.argv = ['tsdsl', 'check', 'std:auto_tsnet']\n"
    "try: runpy.run_module('tsdsl', run_name='__main__')\n"
    "except SystemExit: print(*[name for name in sys.modules if name.partition('.')[0] not in ('tsdsl', '__main__')])"
)


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
    command = [sys.executable, "-m", "tsdsl", "check", SPACE]
    listed = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True).stdout
    names = listed.splitlines()[-1].split()
    one = "with contextlib.suppress(ImportError): importlib.import_module(name)"
    code = f"import contextlib, importlib\nfor name in {names}:\n    {one}"
    imports = [sys.executable, "-c", code]
    cpu_s(command), cpu_s(imports)  # compile to bytecode
    pairs = [(cpu_s(command), cpu_s(imports)) for _ in range(runs)]
    ours, others = (statistics.median(taken) for taken in zip(*pairs, strict=True))
    return (
        f"fresh `tsdsl check {SPACE}`: {ours:.3f} s, {ours / others:.2f} of its imports ({others:.3f} s; at most 1.6)"
    )


def shipped_edits(runs: int) -> str:
    """What the server does when a width of the shipped space has changed."""
    text = read_source(SPACE).text
    first = re.search(r"channels = (\d+) \.\.", text)
    assert first is not None
    taken = []
    for run in range(runs):
        snapshot = take(SourceFile("shipped.tsspace", text))
        edited = f"{text[: first.start(1)]}{int(first[1]) - 8 * (run % 3 + 1)}{text[first.end(1) :]}"
        begin = time.process_time()
        take(SourceFile("shipped.tsspace", edited), snapshot)
        taken.append(time.process_time() - begin)
    return f"server's check of {SPACE} after an edit: {1000 * statistics.median(taken):.1f} ms (at most 30)"


def large_file(num_groups: int, runs: int) -> str:
    """The check of a large file, each time in a process that has not seen it."""
    code = (
        "import sys, time; from tsdsl.check.check import check; from tsdsl.source import SourceFile;"
        "source = SourceFile('large.tsspace', sys.stdin.read()); begin = time.process_time();"
        "found = check(source); print(time.process_time() - begin, len(found.spaces))"
    )
    taken = []
    for _ in range(runs):
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, input=large_space(num_groups), text=True, capture_output=True, check=True)
        seconds, spaces = done.stdout.split()
        assert spaces == "1"
        taken.append(float(seconds))
    return f"check of a new file of {num_groups} groups: {statistics.median(taken):.3f} s (at most 1)"


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
        yield f"server's check of {num_groups} groups after {what}: {statistics.median(taken):.3f} s (at most 0.5)"


EDITS: Mapping[str, Callable[[str], str]] = {
    "a decision is added": lambda line: line.replace("expansion = ", "t = {1, 3}, expansion = "),
    "choices are changed": lambda line: re.sub(r"channels = [^,]*", "channels = {24, 56}", line),
    "a group is inserted": lambda line: f"{line}\n{line}",
    "a group is removed": lambda line: "",
    "a mistake is made": lambda line: line.replace("expansion", "expnasion"),
    "a bracket is lost": lambda line: line.replace(")", ""),
}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", type=int, default=400, help="groups of the large file (default: 400)")
    parser.add_argument("--runs", type=int, default=5, help="runs whose median is printed (default: 5)")
    parser.add_argument("--write", action="store_true", help="write results/check_time.txt")
    arguments = parser.parse_args()
    with recorded("check_time", arguments.write):
        print(fresh_process(2 * arguments.runs + 1), flush=True)
        gc.disable()
        print(shipped_edits(2 * arguments.runs + 1), flush=True)
        print(large_file(arguments.groups, arguments.runs), flush=True)
        for line in after_edits(arguments.groups, arguments.runs):
            print(line, flush=True)


if __name__ == "__main__":
    main()
