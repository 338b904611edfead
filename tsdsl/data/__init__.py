"""Video files to batches of clips.

In processing order: `layouts` reads a folder as records, `datasets` opens and chooses them, `video` decodes a record
to a clip, `loading` makes batches of clips. Besides these, `shards` reads data sets in tars, `prepare` verifies,
re-encodes and packs data sets, and `demo` writes a small one.
"""

from tsdsl.data.datasets.concerns import concerns, overlap, unlike_space
from tsdsl.data.datasets.open import available_splits, detect_kind, open_dataset, unlabelled_splits
from tsdsl.data.datasets.selection import SelectionReport, SplitReport, select_classes, split_dataset
from tsdsl.data.demo.write import DemoReport, DemoSettings, write_demo
from tsdsl.data.layouts.records import UNLABELLED, ClipRecord, VideoDataset, choose_classes, split_for_search
from tsdsl.data.loading.batches import Batch, ClipLoader
from tsdsl.data.loading.skipped import SkippedClips
from tsdsl.data.loading.views import ViewBatch, ViewLoader
from tsdsl.data.prepare.pack import PackReport, pack_dataset
from tsdsl.data.prepare.prepare import PrepareReport, prepare_dataset
from tsdsl.data.prepare.transcode import TranscodeSettings
from tsdsl.data.prepare.verify import DatasetIndex, VerifyReport, index_dataset, verify_dataset
from tsdsl.data.settings import ClipSettings, ReadingSettings, clip_settings
from tsdsl.data.shards.index import ShardReport, write_shard_index
from tsdsl.data.shards.storage import StorageError
from tsdsl.data.video.augment import normalise
from tsdsl.data.video.clips import ClipCache
from tsdsl.data.video.decode import VideoInfo, decode_frames, probe
from tsdsl.data.video.frame_index import ClipError

__all__ = [
    "UNLABELLED",
    "Batch",
    "ClipCache",
    "ClipError",
    "ClipLoader",
    "ClipRecord",
    "ClipSettings",
    "DatasetIndex",
    "DemoReport",
    "DemoSettings",
    "PackReport",
    "PrepareReport",
    "ReadingSettings",
    "SelectionReport",
    "ShardReport",
    "SkippedClips",
    "SplitReport",
    "StorageError",
    "TranscodeSettings",
    "VerifyReport",
    "VideoDataset",
    "VideoInfo",
    "ViewBatch",
    "ViewLoader",
    "available_splits",
    "choose_classes",
    "clip_settings",
    "concerns",
    "decode_frames",
    "detect_kind",
    "index_dataset",
    "normalise",
    "open_dataset",
    "overlap",
    "pack_dataset",
    "prepare_dataset",
    "probe",
    "select_classes",
    "split_dataset",
    "split_for_search",
    "unlabelled_splits",
    "unlike_space",
    "verify_dataset",
    "write_demo",
    "write_shard_index",
]
