"""Every exact fact about random small spaces against enumeration of all their architectures.

    python tests/benchmarks/exact_enumeration.py [NUMBER] [--first N] [--draws N] [--rich] [--write]

NUMBER spaces (default 300) of two streams with fusion, attention, nested and shared decisions; every third has one
to three `require`. With --rich each has, and the spaces search everything that the language can. Each is asked
everything after step 1 and as a whole. Integers have to be equal, probabilities to 1e-7. Draws within a window of cost
and from a conditioned distribution are held against enumeration by chi-square: over all spaces the deviations should be
standard normal.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import Counter

from recording import recorded

from support.enumeration_checks import Enumerated, checks, deviations
from support.small_spaces import forget, random_space

MAX_ARCHITECTURES = 300
MAX_OF_RICH = 200


def compare(first: int, number: int, draws: int, is_rich: bool) -> bool:
    """Print how many answers equal enumeration, by fact; whether all do."""
    right, wrong, architectures = Counter[str](), Counter[str](), 0
    normal: dict[str, list[float]] = {}
    begin = time.perf_counter()
    for seed in range(first, first + number):
        space = random_space(seed, MAX_OF_RICH if is_rich else MAX_ARCHITECTURES, is_rich=is_rich)
        for step in (1, None):
            of = Enumerated(space, step, seed)
            architectures += len(of.listed)
            for name, is_right in checks(of):
                (right if is_right else wrong)[name] += 1
                if not is_right:
                    print(f"WRONG: {name}, space {seed}, step {step}")
            for name, deviation in deviations(of, draws):
                normal.setdefault(name, []).append(deviation)
        forget()
    seconds = time.perf_counter() - begin
    print(f"{number} spaces, {architectures:,} architectures enumerated, {seconds:.0f} s")
    for name in right | wrong:
        print(f"  {name:<56}{right[name]:>7,} of {right[name] + wrong[name]:>7,} equal")
    for name, found in normal.items():
        mean = sum(found) / len(found)
        spread = math.sqrt(sum((z - mean) ** 2 for z in found) / len(found))
        beyond = sum(abs(z) > 3 for z in found)
        print(
            f"  draws, {name}: chi-square in standard deviations from its mean over {len(found)} windows: "
            f"mean {mean:.2f}, spread {spread:.2f}, largest {max(found):.2f}, {beyond} beyond 3"
        )
    return not wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("number", nargs="?", type=int, default=300)
    parser.add_argument("--first", type=int, default=0, help="number of the first space; results of parts are joined")
    parser.add_argument("--draws", type=int, default=4000, help="draws a window")
    parser.add_argument("--rich", action="store_true", help="spaces that search everything the language can")
    parser.add_argument("--write", action="store_true", help="keep what is printed in results/")
    arguments = parser.parse_args()
    name = "exact_enumeration_rich" if arguments.rich else "exact_enumeration"
    with recorded(name, arguments.write, is_part=arguments.first > 0):
        return 0 if compare(arguments.first, arguments.number, arguments.draws, arguments.rich) else 1


if __name__ == "__main__":
    sys.exit(main())
