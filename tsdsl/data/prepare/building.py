"""A copy of a data set, built in `NAME.part` and then renamed to `NAME`; after an interruption it is continued."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from typing import Any

from tsdsl.data.datasets.open import available_splits, open_dataset
from tsdsl.data.layouts.records import VideoDataset
from tsdsl.errors import FileError, UsageError
from tsdsl.files import changes, write_json
from tsdsl.space.stored import read_record

LABELLED_SPLITS = ("train", "val")


def opened_splits(source: Path, kind: str | None, splits: tuple[str, ...] | None) -> list[VideoDataset]:
    """The splits to copy, by default the existing ones of train and val, because test splits often have no labels."""
    there = available_splits(source, kind=kind)
    chosen = splits if splits is not None else tuple(split for split in there if split in LABELLED_SPLITS)
    if not chosen:
        raise FileError(
            f"{source}: has no train or val split, only {', '.join(there) or 'none'}",
            help="name the splits to copy with --split",
        )
    return [open_dataset(source, split, kind=kind) for split in chosen]


def building_place(source: Path, root: Path, record_name: str, command: str) -> Path:
    """The folder to build in: `root` itself if an earlier run has finished it, else `root.part`.

    Raises:
        UsageError: `root` is in the source.
        FileError: `root` is something else than a copy by this command.
    """
    if root.resolve().is_relative_to(source.resolve()):
        raise UsageError(f"{root}: is inside the data set {source}", help="choose a folder outside of it")
    if (root / record_name).is_file():
        return root
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise FileError(f"{root}: exists, and was not made by `{command}`", help="choose another folder")
    return root.with_name(f"{root.name}.part")


def keep_record(building: Path, record_name: str, command: str, facts: dict[str, Any]) -> None:
    """Write the origin and settings of the copy, or check that they are unchanged; UsageError names what is not."""
    path = building / record_name
    if not path.exists():
        write_json(path, facts)
        return
    changed = changes(facts, read_record(path, dict[str, Any], f"a record of `{command}`", f"remove {building}"))
    if changed:
        raise UsageError(
            f"{building}: was started with other settings: {'; '.join(changed)}",
            help="give the same settings, choose another folder, or remove it",
        )


def into_place(building: Path, root: Path) -> None:
    """Rename the finished copy."""
    if building == root:
        return
    try:
        building.replace(root)  # replaces an empty folder
    except OSError as error:
        raise FileError(f"{root}: cannot be written ({error.strerror})", help=f"all is in {building}") from error


def printable_name(name: str) -> str:
    """A name without line ends and other characters that cannot be shown."""
    return "".join(character if character.isprintable() else "_" for character in name)


def digest(name: str) -> str:
    """Twelve characters that tell a name from others."""
    return blake2b(name.encode(errors="surrogateescape"), digest_size=6).hexdigest()


def class_line(name: str) -> str:
    """The name of a class as a line that is not blank."""
    line = printable_name(name).strip()
    return line if line == name and line else f"{line}-{digest(name)}"


def inside(path: Path, source: Path) -> Path:
    """A path below the data set, or below the root of the disk for a listed file outside of it."""
    relative = path.relative_to(source) if path.is_relative_to(source) else Path(*path.parts[1:])
    return Path(*(part for part in relative.parts if part != ".."))
