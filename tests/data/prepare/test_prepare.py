"""A prepared data set has the same clips and labels in the same order, in videos that decode fast."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import av
import numpy as np
import pytest

from support.video_files import indices_in, write_audio_only, write_video
from tsdsl.data import TranscodeSettings, decode_frames, open_dataset, prepare_dataset, probe
from tsdsl.data.prepare import transcode_pool
from tsdsl.data.prepare.transcode import transcode, transcode_settings
from tsdsl.data.prepare.transcode_pool import TranscodeTask, transcode_all
from tsdsl.errors import FileError, RunError, UsageError
from tsdsl.files import exclusive

SMALL = TranscodeSettings(short_side_px=32, constant_rate_factor=1)


def key_frames(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        return [i for i, packet in enumerate(container.demux(video=0)) if packet.size and packet.is_keyframe]


def test_a_copy_is_small_seekable_and_shows_the_same_frames_at_the_same_times(clip_path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.mp4"
    assert transcode(clip_path, copy, SMALL) == 40
    info = probe(copy)
    assert (info.num_frames, info.width_px, info.height_px) == (40, 42, 32)
    assert info.duration_s == pytest.approx(40 / 30)
    assert key_frames(copy) == [0, 12, 24, 36]
    with av.open(str(copy)) as container:
        assert not container.streams.video[0].codec_context.has_b_frames
    assert indices_in(decode_frames(copy, times_s=[0, 0.5, 1.3])) == [0, 15, 39]


def test_a_small_video_keeps_its_size_but_for_odd_sides(tmp_path: Path) -> None:
    source = write_video(tmp_path / "odd.mkv", 3, codec="ffv1", pix_fmt="yuv444p", width_px=65, height_px=49)
    transcode(source, tmp_path / "copy.mp4", TranscodeSettings())
    assert (probe(tmp_path / "copy.mp4").width_px, probe(tmp_path / "copy.mp4").height_px) == (64, 48)


@pytest.mark.parametrize(
    ("matrix", "sides"),
    [((0, 65536, -65536, 0), (64, 48)), ((-65536, 0, 0, 65536), (48, 64)), ((0, 65536, 65536, 0), (64, 48))],
)
def test_a_turned_or_mirrored_video_is_stored_upright_in_its_colours(
    tmp_path: Path, matrix: tuple[int, int, int, int], sides: tuple[int, int]
) -> None:
    source = tmp_path / "rotated.mp4"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        picture_HWC = np.zeros((48, 64, 3), np.uint8)
        picture_HWC[:24, :32] = (255, 0, 0)
        for _ in range(2):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture_HWC, format="rgb24")))
        container.mux(stream.encode(None))
    content = bytearray(source.read_bytes())
    matrix_at = content.index(b"tkhd") + 4 + 40
    a, b, c, d = matrix
    content[matrix_at : matrix_at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 48 << 16, 0, 1 << 30)
    source.write_bytes(content)
    transcode(source, tmp_path / "copy.mp4", SMALL.model_copy(update={"short_side_px": 48}))
    before_HWC, after_HWC = (decode_frames(path, indices=[0])[0].float() for path in (source, tmp_path / "copy.mp4"))
    assert after_HWC.shape == before_HWC.shape == (*sides, 3)
    assert (after_HWC - before_HWC).abs().mean() < 4


def test_uneven_times_are_kept(tmp_path: Path) -> None:
    source = write_video(tmp_path / "uneven.mkv", 5, timestamps=[0, 100, 500, 600, 2000])
    transcode(source, tmp_path / "copy.mp4", SMALL)
    assert indices_in(decode_frames(tmp_path / "copy.mp4", times_s=[0.05, 0.4, 0.55, 1.9, 2.0])) == [0, 1, 2, 3, 4]


def test_a_part_begins_with_the_frame_shown_at_its_start_and_ends_before_its_end(
    clip_path: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "part.mp4"
    assert transcode(clip_path, copy, SMALL, 0.5, 1.0) == 15
    assert indices_in(decode_frames(copy, indices=[0, 14])) == [15, 29]


def test_class_folders_become_a_list_with_the_same_labels_in_order(class_folders: Path, tmp_path: Path) -> None:
    report = prepare_dataset(class_folders, tmp_path / "fast", SMALL)
    assert (report.clips, report.num_videos, len(report.left_out)) == ({"train": 12, "val": 6}, 18, 0)
    for split in ("train", "val"):
        before, after = open_dataset(class_folders, split), open_dataset(tmp_path / "fast", split)
        assert after.class_names == before.class_names
        assert after.recommended == before.recommended
        assert [record.label for record in after.records] == [record.label for record in before.records]
        assert [record.path.relative_to(tmp_path / "fast/videos") for record in after.records] == [
            record.path.relative_to(class_folders) for record in before.records
        ]
    assert not (tmp_path / "fast.part").exists()


def test_directions_stay_classes(clip_path: Path, tmp_path: Path) -> None:
    root = tmp_path / "something"
    root.mkdir()
    shutil.copy(clip_path, root / "7.mp4")
    (root / "labels.json").write_text('{"Moving something left": "0", "Moving something right": "1"}')
    (root / "train.json").write_text('[{"id": "7", "template": "Moving [something] right"}]')
    prepare_dataset(root, tmp_path / "fast", SMALL)
    after = open_dataset(tmp_path / "fast", "train")
    assert not after.flip_allowed
    assert after.recommended.sampling == "segments"
    assert (after.class_names[1], after.records[0].label) == ("Moving something right", 1)


def test_parts_of_whole_videos_are_cut_out(clip_path: Path, tmp_path: Path) -> None:
    root = tmp_path / "kinetics"
    root.mkdir()
    shutil.copy(clip_path, root / "abc.mp4")
    (root / "train.csv").write_text(
        "label,youtube_id,time_start,time_end,split\njump,abc,0,1,train\nrun,abc,1,2,train\nrun,gone,0,10,train\n"
    )
    report = prepare_dataset(root, tmp_path / "fast", SMALL)
    first, second = open_dataset(tmp_path / "fast", "train").records
    assert (report.num_missing, report.num_videos) == (1, 2)
    assert (probe(first.path).num_frames, probe(second.path).num_frames) == (30, 10)
    assert first.start_s is None


def test_a_line_end_in_a_name_does_not_break_the_list(clip_path: Path, tmp_path: Path) -> None:
    for name in ("a\nb", "a_b"):
        (tmp_path / "source" / "run").mkdir(parents=True, exist_ok=True)
        shutil.copy(clip_path, tmp_path / "source" / "run" / f"{name}.mp4")
    report = prepare_dataset(tmp_path / "source", tmp_path / "fast")
    assert report.clips == {"train": 2}
    assert len(open_dataset(tmp_path / "fast", "train").records) == 2


def test_a_listed_video_of_another_folder_is_copied_into_this_one(clip_path: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(clip_path, tmp_path / "elsewhere" / "1.mp4")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "train.csv").write_text("../elsewhere/1.mp4 0\n")
    before = sorted(tmp_path.rglob("*"))
    prepare_dataset(tmp_path / "source", tmp_path / "fast", SMALL)
    (record,) = open_dataset(tmp_path / "fast", "train").records
    assert record.path.resolve().is_relative_to(tmp_path / "fast" / "videos")
    assert [path for path in sorted(tmp_path.rglob("*")) if not path.is_relative_to(tmp_path / "fast")] == before


def test_a_class_of_any_name_stays_one_class(clip_path: Path, tmp_path: Path) -> None:
    names = ["a\nb", "a_b", " ", "=1+1"]
    for name in names:
        (tmp_path / "clips" / "train" / name).mkdir(parents=True)
        shutil.copy(clip_path, tmp_path / "clips" / "train" / name / "1.mp4")
    before = open_dataset(tmp_path / "clips", "train")
    prepare_dataset(tmp_path / "clips", tmp_path / "prepared", SMALL)
    after = open_dataset(tmp_path / "prepared", "train")
    assert [record.label for record in after.records] == [record.label for record in before.records]
    assert len({*after.class_names}) == len(names)
    assert {"a_b", "=1+1"} < {*after.class_names}


def test_names_that_differ_by_their_suffix_alone_do_not_meet(clip_path: Path, tmp_path: Path) -> None:
    root = tmp_path / "source"
    (root / "run").mkdir(parents=True)
    shutil.copy(clip_path, root / "run/a.mp4")
    write_video(root / "run/a.mkv", 7)
    prepare_dataset(root, tmp_path / "fast", SMALL)
    assert sorted(probe(r.path).num_frames for r in open_dataset(tmp_path / "fast", "train").records) == [7, 40]


def test_an_interrupted_run_goes_on_and_encodes_nothing_twice(
    class_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_dataset(class_folders, tmp_path / "fast", SMALL, progress=interrupt)
    assert not (tmp_path / "fast").exists()
    (tmp_path / "fast.part/videos/train/jump/.0.x.mp4").write_bytes(b"half")
    report = prepare_dataset(class_folders, tmp_path / "fast", SMALL)
    assert (report.num_reused, report.num_videos) == (5, 18)
    assert not list((tmp_path / "fast/videos").rglob(".*"))

    def never(*_: object) -> int:
        raise AssertionError

    monkeypatch.setattr(transcode_pool, "transcode", never)
    assert prepare_dataset(class_folders, tmp_path / "fast", SMALL).num_reused == 18


def test_a_changed_video_is_encoded_again(class_folders: Path, tmp_path: Path) -> None:
    root = tmp_path / "source"
    shutil.copytree(class_folders, root)
    prepare_dataset(root, tmp_path / "fast", SMALL)
    changed = write_video(root / "train/run/0.mp4", 9)
    later_ns = (tmp_path / "fast/videos/train/run/0.mp4").stat().st_mtime_ns + 10**9
    os.utime(changed, ns=(later_ns, later_ns))
    assert prepare_dataset(root, tmp_path / "fast", SMALL).num_reused == 17
    assert probe(tmp_path / "fast/videos/train/run/0.mp4").num_frames == 9


def test_bad_videos_are_named_and_left_out(class_folders: Path, tmp_path: Path) -> None:
    root = tmp_path / "source"
    shutil.copytree(class_folders, root)
    (root / "train/run/3.mp4").write_bytes(b"")
    write_audio_only(root / "train/jump/2.mp4")
    report = prepare_dataset(root, tmp_path / "fast", SMALL)
    assert report.clips == {"train": 10, "val": 6}
    assert set(report.left_out.to_json()) == {str(root / "train/run/3.mp4"), str(root / "train/jump/2.mp4")}
    assert (tmp_path / "fast/left_out.txt").read_text().count("\n") == 2
    assert len(open_dataset(tmp_path / "fast", "train").records) == 10


def test_nothing_usable_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "source/run").mkdir(parents=True)
    (tmp_path / "source/run/a.mp4").write_bytes(b"")
    with pytest.raises(RunError, match="none of its 1 videos"):
        prepare_dataset(tmp_path / "source", tmp_path / "fast", SMALL)


def test_other_settings_for_the_same_folder_are_refused_by_name(class_folders: Path, tmp_path: Path) -> None:
    prepare_dataset(class_folders, tmp_path / "fast", SMALL)
    with pytest.raises(UsageError, match="short_side_px is 182, was 32"):
        prepare_dataset(class_folders, tmp_path / "fast")


def test_foreign_folders_and_the_source_itself_are_refused(class_folders: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/diary.txt").write_text("dear")
    with pytest.raises(FileError, match="not made by"):
        prepare_dataset(class_folders, tmp_path / "mine")
    with pytest.raises(UsageError, match="is inside the data set"):
        prepare_dataset(class_folders, class_folders / "fast")


def test_two_processes_do_not_prepare_one_folder(class_folders: Path, tmp_path: Path) -> None:
    with exclusive(tmp_path / "fast.part", "preparing this data set"), pytest.raises(UsageError, match="process"):
        prepare_dataset(class_folders, tmp_path / "fast")


def test_a_target_that_cannot_be_written_ends_it(clip_path: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot be written"):
        transcode(clip_path, tmp_path / "file" / "copy.mp4", SMALL)


def test_settings_that_do_not_fit_are_named() -> None:
    with pytest.raises(UsageError, match="short_side_px: "):
        transcode_settings({"short_side_px": 181})


class EndsItsProcess(TranscodeTask):
    """Ends the process that receives it, as a crash of a decoder does."""

    def __reduce__(self) -> tuple[Callable[[int], NoReturn], tuple[int]]:
        return os._exit, (1,)


def test_a_video_that_ends_its_process_costs_only_itself(clip_path: Path, tmp_path: Path) -> None:
    tasks = [TranscodeTask(clip_path, tmp_path / "good.mp4", SMALL)]
    tasks.insert(0, EndsItsProcess(clip_path, tmp_path / "bad.mp4", SMALL))
    outcomes = {task.target.name: reason for task, reason in transcode_all(tasks, 1)}
    assert outcomes == {"good.mp4": None, "bad.mp4": "decoding it ends the process"}
