"""Video data: decode once, sample both streams, augment.

In processing order: `decode` (PyAV) and `sampling` (which times) give frames, `augment` cuts them to clips,
`clips` joins the three for one record, `loader` and `views` make batches. `datasets` reads what lies in a
folder, `records` takes parts of it, `selection` makes a data set of some of its classes, `verify` finds bad
files, `prepare` re-encodes all of it to decode fast, `demo` writes clips to try everything on.
"""

from tsdsl.data.augment import normalise
from tsdsl.data.clips import ClipCache
from tsdsl.data.datasets import available_splits, detect_kind, open_dataset
from tsdsl.data.decode import VideoInfo, decode_frames, probe
from tsdsl.data.demo import DemoReport, DemoSettings, write_demo
from tsdsl.data.frame_index import ClipError
from tsdsl.data.loader import Batch, ClipLoader
from tsdsl.data.prepare import PrepareReport, prepare_dataset
from tsdsl.data.records import ClipRecord, VideoDataset, choose_classes, split_for_search
from tsdsl.data.selection import SelectionReport, select_classes
from tsdsl.data.settings import ClipSettings, ReadingSettings, clip_settings
from tsdsl.data.skipped import SkippedClips
from tsdsl.data.transcode import TranscodeSettings
from tsdsl.data.verify import DatasetIndex, VerifyReport, index_dataset, verify_dataset
from tsdsl.data.views import ViewBatch, ViewLoader

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
