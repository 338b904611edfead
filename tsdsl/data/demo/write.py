"""Writes the demo data set: small h264 clips that need two streams.

See `tsdsl.data.demo.motion` for the classes. A sparse stream confuses opposite directions, a dense stream of few
channels confuses textures. `tsdsl quickstart` measures both and their combination.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from tsdsl.data.demo.motion import FPS, MOTIONS, draw_clip, draw_texture, write_grey_video
from tsdsl.data.layouts.description import DESCRIPTION_NAME, DatasetDescription, read_description, write_description
from tsdsl.data.randomness import derive_generator
from tsdsl.data.settings import REFERENCE_FPS, ClipSettings
from tsdsl.errors import FileError, UsageError

Progress = Callable[[int, int], None]
"""Called with (clips written, clips in all)."""


@dataclass(frozen=True)
class DemoSettings:
    """The properties of demo clips."""

    num_textures: int = 12
    train_clips_per_class: int = 16
    val_clips_per_class: int = 6
    seed: int = 0
    side_px: int = 48
    num_frames: int = 16
    velocity_px: int = 6
    """Pixels per frame: after four frames the patch has moved by half the side."""

    cell_px: int = 4
    cells_per_side: int = 6
    brightness: float = 0.3
    contrast: float = 0.3
    noise: float = 0.2
    constant_rate_factor: int = 18
    """Quality of x264 that preserves the noise and the textures."""

    @property
    def num_classes(self) -> int:
        """Textures times directions."""
        return self.num_textures * len(MOTIONS)


@dataclass(frozen=True)
class DemoReport:
    """The written data set."""

    root: Path
    num_classes: int
    num_train_clips: int
    num_val_clips: int
    size_bytes: int
    seconds: float


def demo_clip_settings(settings: DemoSettings) -> ClipSettings:
    """The settings for demo clips: all frames, exact size, no jitter, no flip, one view."""
    return ClipSettings(
        num_frames=settings.num_frames,
        rate=REFERENCE_FPS / FPS,
        size_px=settings.side_px,
        jitter_px=None,
        flip=False,
        test_short_px=settings.side_px,
        test_clips=1,
    )


def write_demo(
    root: str | Path, settings: DemoSettings | None = None, *, progress: Progress | None = None
) -> DemoReport:
    """Write the demo clips to `root`/train and `root`/val with a `dataset.json`.

    They are written beside `root` and then moved, so an incomplete data set never appears. An earlier demo in `root` is
    replaced; FileError if `root` is anything but an empty folder.
    """
    settings = settings or DemoSettings()
    _check(settings)
    root = Path(root).absolute()
    replaced = _refuse_foreign(root)
    began = time.monotonic()
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{root.name}.", dir=root.parent))
    except OSError as error:
        raise FileError(f"{root.parent}: cannot be written ({error.strerror})", help="choose another folder") from error
    try:
        size_bytes = _write_clips(building, settings, progress)
        write_description(
            building,
            DatasetDescription(
                kind="folder", flip_allowed=False, clip=demo_clip_settings(settings), demo=asdict(settings)
            ),
        )
        building.chmod(0o755)
        _move_into_place(building, root, replaced)
    except OSError as error:
        raise FileError(
            f"{root}: cannot be written ({error.strerror})", help="is the disk full? choose another folder"
        ) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return DemoReport(
        root=root,
        num_classes=settings.num_classes,
        num_train_clips=settings.num_classes * settings.train_clips_per_class,
        num_val_clips=settings.num_classes * settings.val_clips_per_class,
        size_bytes=size_bytes,
        seconds=time.monotonic() - began,
    )


def _check(settings: DemoSettings) -> None:
    for name in ("num_textures", "train_clips_per_class", "val_clips_per_class", "num_frames"):
        if getattr(settings, name) < 1:
            raise UsageError(f"{name} must be 1 or more, got {getattr(settings, name)}", help="for instance 4")
    if settings.side_px % 2:
        raise UsageError(f"side_px must be even, got {settings.side_px}", help="h264 needs an even number")
    if settings.cell_px * settings.cells_per_side > settings.side_px:
        raise UsageError(
            f"a patch of {settings.cells_per_side} cells of {settings.cell_px} px does not fit into"
            f" {settings.side_px} px",
            help="make the clips larger or the cells smaller",
        )


def _refuse_foreign(root: Path) -> bool:
    """Whether there is an earlier demo to replace; FileError for anything else."""
    if not root.exists():
        return False
    if not root.is_dir():
        raise FileError(f"{root}: is not a folder", help="choose another name")
    if not any(root.iterdir()):
        root.rmdir()
        return False
    description = read_description(root)
    if description is None or description.demo is None:
        raise FileError(f"{root}: contains something other than demo clips", help="choose another folder")
    foreign = sorted({path.name for path in root.iterdir()} - {"train", "val", DESCRIPTION_NAME})
    if foreign:
        raise FileError(
            f"{root}: contains demo clips and also {foreign[0]}",
            help="move it away, or choose another folder",
        )
    return True


def _write_clips(building: Path, settings: DemoSettings, progress: Progress | None) -> int:
    counts = {"train": settings.train_clips_per_class, "val": settings.val_clips_per_class}
    num_clips = settings.num_classes * sum(counts.values())
    num_written = size_bytes = 0
    for split, clips_per_class in counts.items():
        for texture_number in range(settings.num_textures):
            texture = draw_texture(settings.seed, texture_number, settings.cells_per_side)
            for motion in MOTIONS:
                folder = building / split / f"texture{texture_number:02d}_{motion}"
                folder.mkdir(parents=True)
                for clip in range(clips_per_class):
                    frames_THW = draw_clip(
                        texture,
                        motion,
                        derive_generator("demo clip", settings.seed, split, texture_number, motion, clip),
                        side_px=settings.side_px,
                        num_frames=settings.num_frames,
                        velocity_px=settings.velocity_px,
                        cell_px=settings.cell_px,
                        brightness=settings.brightness,
                        contrast=settings.contrast,
                        noise=settings.noise,
                    )
                    path = folder / f"{clip:03d}.mp4"
                    write_grey_video(path, frames_THW, settings.constant_rate_factor)
                    size_bytes += path.stat().st_size
                    num_written += 1
                    if progress is not None:
                        progress(num_written, num_clips)
    return size_bytes


def _move_into_place(building: Path, root: Path, replaced: bool) -> None:
    if not replaced:
        building.replace(root)
        return
    outdated = Path(tempfile.mkdtemp(prefix=f".{root.name}.", dir=root.parent))
    root.replace(outdated / root.name)
    building.replace(root)
    shutil.rmtree(outdated)
