"""Video data: decode once, sample both streams, augment.

In processing order: `decode` (PyAV) and `sampling` (which times) give frames, `augment` cuts them to clips,
`clips` joins the three for one record, `loader` and `views` make batches. `datasets` reads what lies in a
folder, `records` takes parts of it, `selection` makes a data set of some of its classes, `verify` finds bad
files, `prepare` re-encodes all of it to decode fast, `demo` writes clips to try everything on.
"""

from tsdsl.data.datasets.open import available_splits, detect_kind, open_dataset
from tsdsl.data.datasets.records import ClipRecord, VideoDataset, choose_classes, split_for_search
from tsdsl.data.datasets.selection import SelectionReport, select_classes
from tsdsl.data.demo.write import DemoReport, DemoSettings, write_demo
from tsdsl.data.loading.batches import Batch, ClipLoader
from tsdsl.data.loading.skipped import SkippedClips
from tsdsl.data.loading.views import ViewBatch, ViewLoader
from tsdsl.data.prepare.prepare import PrepareReport, prepare_dataset
from tsdsl.data.prepare.transcode import TranscodeSettings
from tsdsl.data.prepare.verify import DatasetIndex, VerifyReport, index_dataset, verify_dataset
from tsdsl.data.settings import ClipSettings, ReadingSettings, clip_settings
from tsdsl.data.video.augment import normalise
from tsdsl.data.video.clips import ClipCache
from tsdsl.data.video.decode import VideoInfo, decode_frames, probe
from tsdsl.data.video.frame_index import ClipError

__all__ = [
    "Batch",
    "ClipCache",
    "ClipError",
    "ClipLoader",
    "ClipRecord",
    "ClipSettings",
    "DatasetIndex",
    "DemoReport",
    "DemoSettings",
    "PrepareReport",
    "ReadingSettings",
    "SelectionReport",
    "SkippedClips",
    "TranscodeSettings",
    "VerifyReport",
    "VideoDataset",
    "VideoInfo",
    "ViewBatch",
    "ViewLoader",
    "available_splits",
    "choose_classes",
    "clip_settings",
    "decode_frames",
    "detect_kind",
    "index_dataset",
    "normalise",
    "open_dataset",
    "prepare_dataset",
    "probe",
    "select_classes",
    "split_for_search",
    "verify_dataset",
    "write_demo",
]
