"""The demo clips: aliased at every fourth frame, the same for a seed, never written over other things."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from tsdsl.data.datasets.open import open_dataset
from tsdsl.data.demo.motion import MOTIONS, draw_clip, draw_texture
from tsdsl.data.demo.write import DemoSettings, demo_clip_settings, write_demo
from tsdsl.data.loading.batches import ClipLoader
from tsdsl.data.video.decode import decode_all
from tsdsl.errors import FileError, UsageError

SMALL = DemoSettings(num_textures=2, train_clips_per_class=2, val_clips_per_class=1)


def clip_THW(motion: str, noise: float = 0.0) -> torch.Tensor:
    return draw_clip(
        draw_texture(0, 0, 6),
        motion,
        torch.Generator().manual_seed(0),
        side_px=48,
        num_frames=16,
        velocity_px=6,
        cell_px=4,
        brightness=0.3,
        contrast=0.15,
        noise=noise,
    )


@pytest.mark.parametrize(("one", "other"), [("left", "right"), ("up", "down")])
def test_opposite_motions_are_alike_at_sparse_frames_only(one: str, other: str) -> None:
    first, second = clip_THW(one), clip_THW(other)
    assert torch.equal(first[::4], second[::4])
    assert not torch.equal(first[1], second[1])


def test_every_texture_has_the_same_mean() -> None:
    textures = torch.stack([draw_texture(0, number, 6) for number in range(8)])
    assert textures.mean(dim=(1, 2)).tolist() == [0.0] * 8
    assert len({tuple(texture.flatten().tolist()) for texture in textures}) == 8


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_a_demo_opens_with_its_own_settings_and_trains(tmp_path: Path) -> None:
    seen = []
    report = write_demo(tmp_path / "demo", SMALL, progress=lambda done, total: seen.append((done, total)))
    assert (report.num_classes, report.num_train_clips, report.num_val_clips) == (8, 16, 8)
    assert seen[-1] == (24, 24)
    dataset = open_dataset(report.root, "train")
    assert dataset.class_names[:4] == ("texture00_down", "texture00_left", "texture00_right", "texture00_up")
    assert dataset.clips_per_class == (2,) * 8
    assert dataset.recommended == demo_clip_settings(SMALL)
    assert not dataset.flip_allowed
    batch = next(ClipLoader(dataset, dataset.recommended, batch_size=4, seed=0).batches(0))
    assert batch.clips_BCTHW.shape == (4, 3, 16, 48, 48)
    assert open_dataset(report.root, "val").clips_per_class == (1,) * 8


def test_a_clip_shows_all_sixteen_frames_in_order(tmp_path: Path) -> None:
    root = write_demo(tmp_path / "demo", SMALL).root
    dataset = open_dataset(root, "train")
    loader = ClipLoader(dataset, dataset.recommended, batch_size=1, seed=0)
    batch = next(loader.batches(0))
    frames_THWC = decode_all(dataset.records[int(batch.indices_B)].path).frames_THWC
    assert torch.equal(batch.clips_BCTHW[0], frames_THWC.permute(3, 0, 1, 2))


def test_the_patch_and_its_noise_survive_compression(tmp_path: Path) -> None:
    root = write_demo(tmp_path / "demo", SMALL).root
    frames = decode_all(root / "train" / "texture00_left" / "000.mp4").frames_THWC[..., 0].float()
    following = torch.roll(frames[:-1], -6, dims=2)
    opposite = torch.roll(frames[:-1], 6, dims=2)
    assert (frames[1:] - following).square().mean() < 0.8 * (frames[1:] - opposite).square().mean()


def test_the_same_seed_writes_the_same_bytes_and_replaces_an_earlier_demo(tmp_path: Path) -> None:
    first = digests(write_demo(tmp_path / "demo", SMALL).root)
    (tmp_path / "demo" / "val" / "texture00_left" / "000.mp4").unlink()
    assert digests(write_demo(tmp_path / "demo", SMALL).root) == first
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]
    other = DemoSettings(num_textures=2, train_clips_per_class=2, val_clips_per_class=1, seed=1)
    assert digests(write_demo(tmp_path / "demo", other).root) != first


def test_a_folder_that_is_no_demo_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(FileError, match="contains something other than demo clips"):
        write_demo(tmp_path / "mine", SMALL)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_a_demo_with_something_added_is_left_alone(tmp_path: Path) -> None:
    root = write_demo(tmp_path / "demo", SMALL).root
    (root / "notes.txt").write_text("mine")
    with pytest.raises(FileError, match=r"notes\.txt"):
        write_demo(root, SMALL)


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_demo(tmp_path / "demo", SMALL, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("settings", [DemoSettings(num_textures=0), DemoSettings(side_px=47), DemoSettings(cell_px=9)])
def test_settings_that_cannot_be_written_are_refused(tmp_path: Path, settings: DemoSettings) -> None:
    with pytest.raises(UsageError):
        write_demo(tmp_path / "demo", settings)


def test_all_four_directions_are_there() -> None:
    assert sorted(MOTIONS.values()) == [(-1, 0), (0, -1), (0, 1), (1, 0)]
