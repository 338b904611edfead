"""CPU time of a training clip for both streams: against two passes, after `tsdsl data prepare`, and with decord2.

Run by hand: `OMP_NUM_THREADS=1 python tests/benchmarks/loader.py [FOLDER] [--rounds 15]`. FOLDER is any data
set; without it, 10 s clips of 340 x 256 with film grain are made, with a key frame every 250 frames as x264's
default has it. A clip is 32 frames at every second of a 30 fps video, 160 px, of which the sparse stream takes
every eighth. In each round every way reads the same random clip of the same video, in turn; times are those
of the process. decord2 (`pip install decord2`) is left out where it is not installed. At the end: the peak
memory of a process that reads a clip, of a video and of the same a hundred times as long.
"""

from __future__ import annotations

import argparse
import importlib.util
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from recording import recorded
from torch import Tensor

from tsdsl.data import ClipSettings, open_dataset, prepare_dataset, probe
from tsdsl.data.layouts.records import ClipRecord
from tsdsl.data.video.augment import cut, draw_training_view
from tsdsl.data.video.clips import read_training_clip
from tsdsl.data.video.sampling import draw_training_times_s

DENSE = ClipSettings()
SPARSE = DENSE.replace(stride=8)
SEED = 0
Read = Callable[[ClipRecord, int], Tensor]


def both_streams(record: ClipRecord, seed: int) -> Tensor:
    """The clip of the dense stream, of which the sparse stream's is a part."""
    return read_training_clip(record, DENSE, torch.Generator().manual_seed(seed))


def two_passes(record: ClipRecord, seed: int) -> Tensor:
    """A decode for each stream, as where each stream has a data set of its own."""
    read_training_clip(record, SPARSE, torch.Generator().manual_seed(seed))
    return read_training_clip(record, DENSE, torch.Generator().manual_seed(seed))


def decord_reader() -> Read | None:
    """The same clip read with decord2, or None without it."""
    if importlib.util.find_spec("decord") is None:
        return None
    import decord

    sizes_px: dict[Path, tuple[int, int]] = {}

    def read(record: ClipRecord, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        view = draw_training_view(DENSE, generator)
        if record.path not in sizes_px:
            info = probe(record.path)
            sizes_px[record.path] = info.height_px, info.width_px
        height_px, width_px = sizes_px[record.path]
        scale = view.short_side_px / min(height_px, width_px)
        size: dict[str, Any] = {"width": round(width_px * scale), "height": round(height_px * scale)}
        reader = decord.VideoReader(str(record.path), ctx=decord.cpu(0), num_threads=1, **size)
        fps, num_frames = reader.get_avg_fps(), len(reader)
        times_s = draw_training_times_s(DENSE, num_frames / fps, generator)
        indices = [min(int(time_s * fps + 0.01), num_frames - 1) for time_s in times_s]
        frames_THWC = torch.from_numpy(reader.get_batch(indices).asnumpy())
        return cut(frames_THWC, view).permute(3, 0, 1, 2)

    return read


def write_grainy_clip(path: Path, seed: int) -> None:
    """10 s of a moving picture with film grain, 340 x 256, 30 fps, x264's own key frames and B-frames."""
    random = np.random.default_rng(seed)
    scene_HWC = random.integers(0, 256, (40, 50, 3), np.uint8).repeat(16, 0).repeat(16, 1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(30))
        stream.width, stream.height, stream.pix_fmt = 340, 256, "yuv420p"
        stream.codec_context.thread_count = 1
        for index in range(300):
            window_HWC = scene_HWC[index // 2 : index // 2 + 256, index : index + 340]
            noisy_HWC = window_HWC * 0.7 + random.normal(38, 6, window_HWC.shape)
            image_HWC = noisy_HWC.clip(0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image_HWC, format="rgb24")))
        container.mux(stream.encode(None))


def lengthen(source: Path, target: Path, times: int) -> None:
    """The packets of a prepared video, again and again."""
    with av.open(str(source)) as given, av.open(str(target), "w") as container:
        template = given.streams.video[0]
        stream = container.add_stream_from_template(template)
        packets = [packet for packet in given.demux(template) if packet.size]
        length = packets[-1].pts + packets[-1].duration
        for repeat in range(times):
            given.seek(0)
            for packet in given.demux(template):
                if packet.size:
                    packet.pts += repeat * length
                    packet.dts += repeat * length
                    packet.stream = stream
                    container.mux(packet)


def compare(title: str, records: list[tuple[ClipRecord, ClipRecord]], rounds: int) -> None:
    """Time all ways in turn on the same clips; print medians, and ratios of the two-pass time to theirs."""
    decord_read = decord_reader()
    ways: dict[str, tuple[Read, int]] = {"two passes": (two_passes, 0), "one decode for both": (both_streams, 0)}
    if decord_read is not None:
        ways["decord2"] = (decord_read, 0)
    ways["prepared, two passes"] = (two_passes, 1)
    ways["prepared, one decode"] = (both_streams, 1)
    if decord_read is not None:
        ways["prepared, decord2"] = (decord_read, 1)
    times_s: dict[str, list[float]] = {name: [] for name in ways}
    num_failed = 0
    for round_ in range(-1, rounds):
        for pair in records:
            found: dict[str, float] = {}
            try:
                for name, (read, which) in ways.items():
                    begin = time.process_time()
                    read(pair[which], SEED + round_)
                    found[name] = time.process_time() - begin
            except Exception as error:
                if round_ < 0:
                    num_failed += 1
                    print(f"  left out: {pair[0].path.name}: {type(error).__name__}: {str(error)[:80]}")
                continue
            if round_ >= 0:
                for name, seconds in found.items():
                    times_s[name].append(seconds)
    print(f"{title}: {len(records) - num_failed} videos, {rounds} rounds")
    print(f"  {'':<22} {'ms a clip':>9} {'clips/s':>8}   two passes over it: all, median (quartiles)")
    for name, own in times_s.items():
        ratios = [two / one for two, one in zip(times_s["two passes"], own, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(
            f"  {name:<22} {statistics.median(own) * 1e3:9.1f} {len(own) / sum(own):8.1f}"
            f"   {sum(times_s['two passes']) / sum(own):5.2f}   {middle:5.2f} ({low:.2f} to {high:.2f})"
        )
    if decord_read is None:
        print("  decord2 is not installed: `pip install decord2` adds it to the comparison")


def peak_memory_mib(path: Path) -> float:
    """The peak memory of a fresh process that reads a clip of a video."""
    command = [sys.executable, __file__, "--read-and-tell-memory", str(path)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--clips", type=int, default=6, help="that are made where no folder is given")
    parser.add_argument("--write", action="store_true", help="write results/loader.txt")
    parser.add_argument("--read-and-tell-memory", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.read_and_tell_memory:
        both_streams(ClipRecord(arguments.read_and_tell_memory, 0), SEED)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    torch.set_num_threads(1)
    with recorded("loader", arguments.write), tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        source: Path = arguments.folder or root / "made"
        if arguments.folder is None:
            (source / "all").mkdir(parents=True)
            for number in range(arguments.clips):
                write_grainy_clip(source / "all" / f"{number}.mp4", number)
        begin = time.process_time()
        report = prepare_dataset(source, root / "prepared")
        seconds = time.process_time() - begin
        print(
            f"tsdsl data prepare: {report.num_videos} videos, {seconds:.1f} s of one core,"
            f" {report.source_bytes / 1e6:.1f} MB became {report.size_bytes / 1e6:.1f} MB;"
            f" left out: {len(report.left_out)}"
        )
        prepared = {record.path.stem: record for record in open_dataset(root / "prepared", "train").records}
        pairs = [
            (record, prepared[record.path.stem])
            for record in open_dataset(source, "train").records
            if record.path.stem in prepared
        ]
        compare(str(arguments.folder.name if arguments.folder else "made clips"), pairs, arguments.rounds)
        short = prepared[pairs[0][0].path.stem].path
        lengthen(short, root / "long.mp4", 100)
        print(
            f"peak memory of a process that reads a clip: {peak_memory_mib(short):.0f} MiB of"
            f" {short.stat().st_size / 1e6:.1f} MB, {peak_memory_mib(root / 'long.mp4'):.0f} MiB of"
            f" {(root / 'long.mp4').stat().st_size / 1e6:.1f} MB"
        )


if __name__ == "__main__":
    main()
