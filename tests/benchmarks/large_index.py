"""Time and memory of opening a data set of very many files, of each kind of layout.

`python tests/benchmarks/large_index.py [--files 250000] [--classes 400]`

The files are empty: opening decodes nothing. Each kind is opened in a process of its own, so that the memory is its
own. Processor seconds are told beside those of the clock.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

KINDS = ("folder", "kinetics-list", "kinetics-list, absolute paths of a moved root", "kinetics-csv")


def write_files(root: Path, num_files: int, num_classes: int) -> list[tuple[str, int]]:
    """Empty class folders of empty clips; (path below the root, class) of each."""
    listed = []
    for number in range(num_files):
        name = f"class{number % num_classes:03d}/clip_{number:07d}_000001_000011.mp4"
        if number < num_classes:
            (root / "train" / name).parent.mkdir(parents=True)
        (root / "train" / name).touch()
        listed.append((f"train/{name}", number % num_classes))
    return listed


def write_list(root: Path, kind: str, listed: list[tuple[str, int]]) -> None:
    """The list that makes the folder a data set of this kind."""
    (root / "train.csv").unlink(missing_ok=True)
    if kind == "kinetics-csv":
        rows = [f"class{label:03d},{Path(path).stem.rsplit('_', 2)[0]},1,11,train" for path, label in listed]
        lines = ["label,youtube_id,time_start,time_end,split", *rows]
    elif kind != "folder":
        prefix = "/gone/kinetics/" if "absolute" in kind else ""
        lines = [f"{prefix}{path} {label}" for path, label in listed]
    else:
        return
    (root / "train.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def measured(root: str) -> None:
    """Opens the data set; prints seconds, clips and MB as JSON. Runs in a process of its own."""
    from tsdsl.data import open_dataset

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin, begin_cpu = time.perf_counter(), time.process_time()
    dataset = open_dataset(Path(root), "train")
    seconds, cpu_seconds = time.perf_counter() - begin, time.process_time() - begin_cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told = {"seconds": seconds, "cpu": cpu_seconds, "clips": len(dataset.records), "missing": len(dataset.missing)}
    print(json.dumps({**told, "mb": (peak - before) / 1e3}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=250_000)
    parser.add_argument("--classes", type=int, default=400)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measured(arguments.measure)
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        listed = write_files(root, arguments.files, arguments.classes)
        print(f"{arguments.files:,} files in {arguments.classes} classes")
        for kind in KINDS:
            write_list(root, kind, listed)
            command = [sys.executable, __file__, "--measure", str(root)]
            told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            print(
                f"{kind:<50} {told['seconds']:6.2f} s ({told['cpu']:.2f} s of a processor)  {told['mb']:6.0f} MB more  "
                f"{told['clips']:,} clips, {told['missing']:,} missing"
            )


if __name__ == "__main__":
    main()
