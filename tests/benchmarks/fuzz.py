"""Mutates files of every format that tsdsl reads, and counts what comes of reading them; a defect or 5 s is printed.

`python tests/benchmarks/fuzz.py [--files 20000] [--seed 0] [--only NAME] [--write]`

Formats are in `tests/support/mutations.py` and `binary_formats.py`. Seconds are of the processor, of all threads: those
of the clock depend on what else runs. `--write` keeps what is printed in `results/`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import resource
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

from recording import recorded

from support.binary_formats import binary_formats
from support.mutations import formats, write

MAX_SECONDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="a part of the name of the formats to mutate")
    parser.add_argument("--write", action="store_true", help="keep what is printed in results/")
    arguments = parser.parse_args()
    chosen = {name: one for name, one in {**formats(), **binary_formats()}.items() if arguments.only in name}
    with recorded("fuzz", arguments.write):
        for name, one in chosen.items():
            codes: Counter[str] = Counter()
            slowest = 0.0
            for number in range(arguments.files // len(chosen)):
                seed = f"{arguments.seed}/{name}/{number}"
                with tempfile.TemporaryDirectory() as folder:
                    write(Path(folder), one, one.mutated(Random(seed)))
                    for probe in one.probes:
                        began = time.process_time()
                        said = io.StringIO()
                        try:
                            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                                code = str(probe(Path(folder)))
                        except Exception as error:
                            code = type(error).__name__
                        seconds = time.process_time() - began
                        slowest = max(slowest, seconds)
                        codes[code] += 1
                        if code not in "01234" or seconds > MAX_SECONDS:
                            print(f"  {seed}: {code} after {seconds:.1f} s: {said.getvalue()[-300:]}")
            counts = ", ".join(f"{count} x {code}" for code, count in sorted(codes.items()))
            print(f"{name:42} exit codes {counts}; slowest {slowest:.2f} s")
        print(f"{sum(1 for _ in chosen) * (arguments.files // len(chosen)):,} files")
        print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10:,.0f} MB")


if __name__ == "__main__":
    main()
