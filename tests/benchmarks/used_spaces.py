"""Random spaces that use the whole language, in use: their networks, exports, texts in an editor, and comparisons.

    python tests/benchmarks/used_spaces.py [NUMBER] [--first N] [--onnx-every N] [--write]

NUMBER spaces (default 100) with depths, operators, blocks of their own, searched words, merges and heads, products,
shared decisions and joined rules. Of each, architectures that are drawn are compared with torch's counters, with the
shared weights and with exported files; `fmt`, rename, completion, hover, pictures and `diff` are used on its text.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from recording import recorded

from support.small_spaces import random_text
from support.space_uses import uses

MAX_ARCHITECTURES = 600


def use(first: int, number: int, onnx_every: int) -> bool:
    """Print how often each fact holds; whether all always do."""
    right, wrong = Counter[str](), Counter[str]()
    begin = time.perf_counter()
    for seed in range(first, first + number):
        text = random_text(seed, MAX_ARCHITECTURES, is_rich=True)
        try:
            for name, holds in uses(text, seed, ("pt2", "onnx") if seed % onnx_every == 0 else ("pt2",)):
                (right if holds else wrong)[name] += 1
                if not holds:
                    print(f"WRONG: {name}, space {seed}")
        except Exception as error:
            wrong["no exception"] += 1
            print(f"WRONG: space {seed}: {type(error).__name__}: {str(error)[:300]}")
    print(f"{number} spaces, {time.perf_counter() - begin:.0f} s")
    for name in right | wrong:
        print(f"  {name:<48}{right[name]:>7,} of {right[name] + wrong[name]:>7,}")
    return not wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("number", nargs="?", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="number of the first space, to use them in parts")
    parser.add_argument("--onnx-every", type=int, default=10, help="export every so many spaces to ONNX as well")
    parser.add_argument("--write", action="store_true", help="keep what is printed in results/")
    arguments = parser.parse_args()
    with recorded("used_spaces", arguments.write):
        return 0 if use(arguments.first, arguments.number, arguments.onnx_every) else 1


if __name__ == "__main__":
    sys.exit(main())
