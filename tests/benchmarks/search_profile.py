"""Where the time of a search goes: waiting for clips, the weights, alpha, and the rest, on clips as prepared.

Run by hand: `OMP_NUM_THREADS=1 python tests/benchmarks/search_profile.py [--size 96] [--batch 4] [--workers 1]`.
The first step of auto_tsnet's search, with its defaults but for the batch, runs over made 10 s clips of 340 x 256
(see loader.py), which `tsdsl data prepare` has made ready; checkpoints and the record included. Times are by the
clock, as waiting takes none of the processor. Before the first batch workers start, so the first iteration is
left out.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from loader import write_grainy_clip
from recording import recorded

import tsdsl
from tsdsl.data import prepare_dataset
from tsdsl.engine.ranks.interruption import Interruption
from tsdsl.searching import step as search_step
from tsdsl.searching.learning.learner import StepLearner
from tsdsl.searching.progressive import search
from tsdsl.searching.settings import DataSettings, SearchSettings
from tsdsl.space.model import Space

SPACE = Path(__file__).parents[2] / "spaces" / "auto_tsnet.tsspace"
PARTS = ("waiting for clips", "weights", "alpha", "the record and everything else")


class Enough(Exception):
    """The iterations asked for are done."""


class Clock:
    """Seconds by part, from the end of the first iteration."""

    def __init__(self, iterations: int, device: torch.device) -> None:
        self.left, self.device = iterations + 1, device
        self.parts: Counter[str] = Counter()
        self.begin_s = 0.0

    def timed(self, part: str, work: Any) -> Any:
        """`work`, whose time counts as that part's."""

        def run(*arguments: Any, **named: Any) -> Any:
            begin = time.perf_counter()
            try:
                return work(*arguments, **named)
            finally:
                if self.device.type == "cuda":
                    torch.cuda.synchronize()
                self.parts[part] += time.perf_counter() - begin

        return run

    def waited(self, batches: Iterator[Any]) -> Iterator[Any]:
        """The batches; the time that they are waited for counts."""
        following = self.timed("waiting for clips", lambda: next(batches))
        while True:
            yield following()

    def iteration_done(self) -> None:
        """Ends the search after the last iteration asked for."""
        self.left -= 1
        if not self.begin_s:
            self.parts.clear()
            self.begin_s = time.perf_counter()
        elif not self.left:
            self.parts[PARTS[-1]] = time.perf_counter() - self.begin_s - sum(self.parts.values())
            raise Enough


def profile(space: Space, clips: Path, run: Path, arguments: argparse.Namespace) -> Counter[str]:
    """Seconds of the search by part."""
    clock = Clock(arguments.iterations, torch.device(arguments.device))
    stoppable, show = Interruption.stoppable, search_step._show

    def shown(*given: Any) -> None:
        show(*given)
        clock.iteration_done()

    with ExitStack() as stack:
        enter = stack.enter_context
        enter(patch.object(Interruption, "stoppable", lambda self, found: clock.waited(stoppable(self, found))))
        enter(patch.object(StepLearner, "update_weights", clock.timed("weights", StepLearner.update_weights)))
        enter(patch.object(StepLearner, "update_alpha", clock.timed("alpha", StepLearner.update_alpha)))
        enter(patch.object(search_step, "_show", shown))
        with suppress(Enough):
            search(
                space,
                step=1,
                data=clips,
                run=run,
                settings=SearchSettings(method="parsec", batch_size=arguments.batch, samples=arguments.samples),
                data_settings=DataSettings(num_workers=arguments.workers),
                device=arguments.device,
            )
    return clock.parts


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--size", type=int, default=96, help="side in pixels")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--iterations", type=int, default=5)
    parser.add_argument("--clips", type=int, default=24, help="that are made")
    parser.add_argument("--write", action="store_true", help="write results/search_profile.txt")
    arguments = parser.parse_args()
    with recorded("search_profile", arguments.write), tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("one", "other"):
            (root / "made" / name).mkdir(parents=True)
        for number in range(arguments.clips):
            write_grainy_clip(root / "made" / ("one", "other")[number % 2] / f"{number}.mp4", number)
        prepare_dataset(root / "made", root / "prepared")
        text = SPACE.read_text(encoding="utf-8").replace("size    = 160", f"size    = {arguments.size}")
        (root / "space.tsspace").write_text(text, encoding="utf-8")
        parts = profile(tsdsl.load(root / "space.tsspace"), root / "prepared", root / "run", arguments)
        total = sum(parts.values())
        print(
            f"step 1 of auto_tsnet, batches of {arguments.batch} clips of {arguments.size} px, {arguments.samples}"
            f" samples, {arguments.workers} workers, {arguments.iterations} iterations of"
            f" {total / arguments.iterations:.2f} s"
        )
        for part in PARTS:
            print(f"  {part:<32} {parts[part]:8.3f} s  {parts[part] / total:6.2%}")


if __name__ == "__main__":
    main()
