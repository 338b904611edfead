"""Random spaces that use the whole language, in use: their networks, exports, texts in an editor, and comparisons.

    python tests/benchmarks/used_spaces.py [NUMBER] [--first N] [--programs-every N] [--write]

NUMBER spaces (default 100) with depths, operators, blocks of their own, strides, searched words, merges and heads,
products, shared decisions and joined rules. Of each, architectures that are drawn are compared with torch's counters,
with the shared weights and with exported Python; `fmt`, rename, completion, hover, pictures and `diff` are used on its
text. A .pt2 program takes seconds, as does ONNX, so that only some spaces are exported to them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from recording import recorded

from support.small_spaces import forget, random_text
from support.space_uses import uses

MAX_ARCHITECTURES = 120


def use(first: int, number: int, programs_every: int) -> bool:
    """Print how often each fact holds; whether all always do."""
    right, wrong = Counter[str](), Counter[str]()
    begin = time.perf_counter()
    for seed in range(first, first + number):
        text = random_text(seed, MAX_ARCHITECTURES, is_rich=True)
        try:
            for name, holds in uses(text, seed, ("pt2", "onnx") if seed % programs_every == 0 else ()):
                (right if holds else wrong)[name] += 1
                if not holds:
                    print(f"WRONG: {name}, space {seed}")
        except Exception as error:
            wrong["no exception"] += 1
            print(f"WRONG: space {seed}: {type(error).__name__}: {str(error)[:300]}")
        forget()
    print(f"{number} spaces, {time.perf_counter() - begin:.0f} s")
    for name in right | wrong:
        print(f"  {name:<48}{right[name]:>7,} of {right[name] + wrong[name]:>7,}")
    return not wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("number", nargs="?", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="number of the first space; results of parts are joined")
    parser.add_argument("--programs-every", type=int, default=10, help="export one of so many spaces to .pt2 and ONNX")
    parser.add_argument("--write", action="store_true", help="keep what is printed in results/")
    arguments = parser.parse_args()
    with recorded("used_spaces", arguments.write, is_part=arguments.first > 0):
        return 0 if use(arguments.first, arguments.number, arguments.programs_every) else 1


if __name__ == "__main__":
    sys.exit(main())
