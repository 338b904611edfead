"""Random spaces with names that Python and torch use: each that `check` accepts is built, run, extracted and exported.

`python tests/benchmarks/accepted_spaces.py [--spaces 300] [--seed 0] [--write]`
"""

from __future__ import annotations

import argparse
from collections import Counter

from recording import recorded

from support.accepted import accepted, renamed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spaces", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="keep what is printed in results/")
    arguments = parser.parse_args()
    with recorded("accepted_spaces", arguments.write):
        counts: Counter[str] = Counter()
        for number in range(arguments.spaces):
            seed = arguments.seed + number
            try:
                outcome = "used to the end" if accepted(renamed(seed)) else "refused by check"
            except Exception as error:
                outcome = "FAILED"
                print(f"  {seed}: {type(error).__name__}: {str(error)[:300]}")
            counts[outcome] += 1
        print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))


if __name__ == "__main__":
    main()
