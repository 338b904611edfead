"""Files of every format that tsdsl reads, mutated by seed, and what reads them: it ends well or in a `TsdslError`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import tsdsl
from support.micro_runs import SPACE
from support.shard_files import written_shard
from tsdsl.check.check import check
from tsdsl.cli.main import run
from tsdsl.errors import TsdslError
from tsdsl.files import LOCK_NAME
from tsdsl.source import SourceFile
from tsdsl.space.model import Space

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 7, 2**31, 2**63, 10**30, 0.5, -0.0, 1e-320, 1e308, 1.0),
    *("", "x", "../../x", "1x3x3", "none", "sparse", "é\u202e", "a" * 3000, "\x1b[31m", "=1+1", "lambda", "a\0b"),
    *([], {}, [1], ["x"], {"decision": "sparse.stage1.group1.k"}, {"decision": "x"}, [[[[]]]]),
)
TEXTS = (
    *(b"NaN", b"-Infinity", b"1e999", b"9" * 5000, b"[" * 2000, b'{"a":' * 2000, b'"\\ud800"', b"\xff\xfe", b"\0"),
    *(b"\xef\xbb\xbf", b"\r", b'"', b"{", b"}", b",", b"\n", b"\n\n", b"0x", b"1979-05-27", b"a.a.a.a = 1\n", b"#"),
)
Probe = Callable[[Path], int]


@dataclass(frozen=True)
class Format:
    """A kind of file: its name in a folder, its content, what lies beside it, and what reads it; see `outcome`."""

    name: str
    content: str | bytes
    probes: tuple[Probe, ...]
    beside: Mapping[str, str | bytes] | None = None
    damage: Callable[[bytes, Random], bytes] | None = None

    def mutated(self, draw: Random) -> bytes:
        """The content with faults: those of `damage` or, without it, of `mutated`."""
        content = self.content.encode() if isinstance(self.content, str) else self.content
        return (self.damage or mutated)(content, draw)


def command(*arguments: str) -> Probe:
    """The exit code of a command; FOLDER in its arguments is the folder of the file."""
    return lambda folder: run([argument.replace("FOLDER", str(folder)) for argument in arguments])


def call(read: Callable[[Path], object]) -> Probe:
    """The exit code that a command would have which calls this."""

    def probe(folder: Path) -> int:
        try:
            read(folder)
        except TsdslError as error:
            return error.exit_code
        return 0

    return probe


def formats() -> dict[str, Format]:
    """All of them by name; another format is another entry."""
    from tsdsl.cli.work.settings_sources import fitted, given_settings
    from tsdsl.data.datasets.open import available_splits, open_dataset
    from tsdsl.data.datasets.own_videos import own_videos
    from tsdsl.engine.runs.evaluations import RecordedEvaluation
    from tsdsl.engine.runs.metrics import read_metrics
    from tsdsl.exporting.provenance import read_provenance
    from tsdsl.report.quickstart import quickstart_section
    from tsdsl.searching.methods.accuracy_table import read_table
    from tsdsl.searching.methods.baselines import Evaluation
    from tsdsl.searching.methods.evaluation_log import Measured, _encoded, read_evaluations
    from tsdsl.searching.settings import SearchSettings
    from tsdsl.searching.step import read_alpha
    from tsdsl.space.stored import read_record

    (resolved,) = check(SourceFile("micro.tsspace", SPACE)).spaces
    space: Space = resolved.space
    architecture = next(tsdsl.Space.of(space).sample(seed=1))
    found, compiled = json.dumps(architecture.model_dump(mode="json")), json.dumps(space.to_dict())
    dataset = call(lambda folder: [open_dataset(folder, split) for split in available_splits(folder)])
    videos = {"train/a/1.mp4": "", "train/b/2.mp4": "", "videos/1.mp4": "", "videos/2.mp4": ""}
    frames = {f"frames/{clip}/{number:05}.jpg": "" for clip in (1, 2) for number in (1, 2)}
    evaluation = {
        "data": "clips",
        "split": "val",
        "views": "10x1",
        "weights": "weights.safetensors",
        "weights_sha256": "0" * 64,
        "settings": {"clip": {"num_frames": 8}},
        "top1": 0.5,
        "top5": 1.0,
        "num_videos": 2,
        "num_skipped": 0,
        "view_size_px": 64,
        "flops_per_view": 100,
        "flops_per_video": 1000,
        "per_class": {"a": 0.5, "b": None},
        "environment": {"torch": "2.13.0"},
    }
    shares = {"sparse.stage1.group1.k": [0.5, 0.5]}
    others = {f"other/{name}": "" for name in videos}
    alpha = {"epoch": 0, "iteration": 0, "entropy": 1.5, "expected_flops": 1e5, "probability_within": 0.5}
    row = {"decisions": {"a": 1, "b": "x"}, "accuracy": 0.5, "flops": 100}
    measured = {"model": "a", "run": "b", "flops": 1, "params": 1, "classes": 2, "top1": 0.5, "top5": 1.0}
    selection = {"source": "other", "seed": 0, "of_classes": 2, "classes": ["a"]}
    demo = {"num_textures": 2}
    settings = {"format": 1, "kind": "search", "settings": {"space": "micro", "data": "clips"}}
    done = Measured(Evaluation({"a": 1, "b": "x"}, 0.5, 100), 0.25)
    table = {"name": "t", "decisions": {"a": [1, 2], "b": ["x", "y"]}, "architectures": [row]}
    provenance = {"architecture": json.loads(found), "scale": {"name": "found"}, "classes": 8}
    clips = [{"id": "1", "template": "Moving [a]"}, {"id": "2", "template": "Lifting [b]"}]
    labels = '{"Moving a": "0", "Lifting b": "1"}'
    hf = '{"file_name": "videos/1.mp4", "label": "a"}'
    tar = written_shard({"1.json": b'{"label": 0}', "1.mp4": b"video", "a/2.cls": b"1", "a/2.mp4": b"video"})
    shards = (
        "split,shard,shard_bytes,member,offset,size_bytes,label\n"
        f"train,a.tar,{len(tar)},1.mp4,1536,5,0\ntrain,a.tar,{len(tar)},a/2.mp4,3584,5,1\n"
    )
    kept = json.dumps([{**measured, "num_videos": 2, "flops_per_video": 3}])
    listed = [
        Format("space.json", compiled, (command("inspect", "FOLDER/space.json", "--json"),)),
        Format("architecture.json", found, (command("inspect", "FOLDER/architecture.json"),), {"space.json": compiled}),
        Format("settings.json", json.dumps(settings), (command("runs", "list", "FOLDER"),), {LOCK_NAME: ""}),
        Format("result.json", "{}", (command("runs", "list", "FOLDER"),), {"settings.json": json.dumps(settings)}),
        Format(
            "alpha.jsonl",
            f"{json.dumps({**alpha, 'probabilities': shares})}\n" * 2,
            (call(lambda folder: read_alpha(folder, space)),),
        ),
        Format("metrics.jsonl", '{"iteration": 1, "loss": 2.5}\n{"iteration": 2}\n', (call(read_metrics),)),
        Format("evaluations.jsonl", f"{json.dumps(_encoded(1, done))}\n", (call(read_evaluations),)),
        Format("results.json", kept, (call(quickstart_section),), {"quickstart.json": '{"seed": 1}'}),
        Format("dataset.json", json.dumps({"kind": "folder", "clip": {}, "demo": demo}), (dataset,), videos),
        Format("dataset.json", json.dumps({"kind": "folder", "selection": selection}), (dataset,), others),
        Format("labels.json", labels, (dataset,), {**videos, "train.json": json.dumps(clips)}),
        Format("train.json", json.dumps(clips), (dataset,), {**videos, "labels.json": labels}),
        Format("train.csv", "videos/1.mp4 0\nvideos/2.mp4 1\n", (dataset,), videos),
        Format("train.txt", "frames/1 2 0\nframes/2 2 1\n", (dataset,), frames),
        Format("metadata.jsonl", f"{hf}\n{hf.replace('1', '2')}\n", (dataset,), videos),
        Format("shards.csv", shards, (dataset,), {"a.tar": tar}),
        Format("a.tar", tar, (dataset,)),
        Format(
            "own.csv", "path,label\nvideos/1.mp4,0\n", (call(lambda folder: own_videos(folder / "own.csv")),), videos
        ),
        Format(
            "evaluation.json",
            json.dumps(evaluation),
            (call(lambda folder: read_record(folder / "evaluation.json", RecordedEvaluation, "an evaluation", "")),),
        ),
        Format("train.csv", "label,youtube_id,time_start,time_end,split\na,1,0,2,train\n", (dataset,), videos),
        Format(
            "search.toml",
            "epochs = 3\nalpha_lr = 0.1\n",
            (call(lambda folder: fitted(SearchSettings, given_settings(folder / "search.toml", {}, []))),),
        ),
        Format("table.json", json.dumps(table), (call(lambda folder: read_table(folder / "table.json")),)),
        Format(
            "net.py",
            f"# Made by tsdsl from: {json.dumps(provenance)}\n",
            (call(lambda folder: read_provenance(folder / "net.py")), command("verify", "FOLDER/net.py")),
            {"space.json": compiled},
        ),
    ]
    return {f"{number}: {one.name}": one for number, one in enumerate(listed)}


def write(folder: Path, one: Format, content: str | bytes) -> None:
    """The file and what lies beside it."""
    for name, other in {**(one.beside or {}), one.name: content}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(other.encode() if isinstance(other, str) else other)


def mutated(content: bytes, draw: Random) -> bytes:
    """The content with one to three faults: in its values if it is JSON, else in its bytes."""
    data = content
    for _ in range(draw.choice((1, 1, 2, 3))):
        lead, body = (data[: data.find(b"{")], data[data.find(b"{") :]) if data.startswith(b"# ") else (b"", data)
        if draw.random() < 0.6 and (changed := _in_values(body, draw)) is not None:
            data = lead + changed
        else:
            data = _in_bytes(data, draw)
    return data


def _in_values(data: bytes, draw: Random) -> bytes | None:
    lines = data.decode("utf-8", "replace").splitlines() or [""]
    at = draw.randrange(len(lines))
    try:
        value = json.loads("\n".join(lines) if len(lines) > 1 and lines[0] in "[{" else lines[at])
    except (ValueError, RecursionError):
        return None
    places = list(_places(value))
    if not places:
        return None
    holder, key = draw.choice(places)
    kind = draw.random()
    if kind < 0.15:
        del holder[key]
    elif kind < 0.3:
        other, name = draw.choice(places)
        if key in (holder if isinstance(holder, dict) else range(len(holder))):
            holder[key] = json.loads(json.dumps(other[name]))
    elif kind < 0.4 and isinstance(holder, dict):
        holder[draw.choice(("x", "", "path", "values", "a b", "\u202e"))] = holder.pop(key)
    elif kind < 0.5 and isinstance(holder, list):
        holder.append(json.loads(json.dumps(holder[key])))
    else:
        holder[key] = draw.choice(VALUES)
    lines[at] = json.dumps(value)
    return "\n".join([*lines, ""] if data.endswith(b"\n") else lines).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from _places(value[key])


def _in_bytes(data: bytes, draw: Random) -> bytes:
    at, end = sorted(draw.randrange(len(data) + 1) for _ in range(2))
    kind = draw.random()
    if kind < 0.2 and at < len(data):
        return data[:at] + bytes([data[at] ^ (1 << draw.randrange(8))]) + data[at + 1 :]
    if kind < 0.35:
        return data[:at]
    if kind < 0.5:
        return data[:at] + data[min(end, at + 40) :]
    if kind < 0.6:
        return data[:end] + data[at:]
    return data[:at] + draw.choice(TEXTS) + data[at:]
