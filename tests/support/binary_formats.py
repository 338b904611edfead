"""Weights, exported programs and checkpoints of one small network, with what damages and what reads them."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from random import Random

import tsdsl
from support.binary_mutations import damaged, damaged_archive, damaged_weights
from support.micro_runs import SPACE
from support.mutations import Format, call, command, mutated
from tsdsl.check.check import check
from tsdsl.engine.runs.checkpoint import STATE, TENSORS, CheckpointStore
from tsdsl.engine.runs.sealed import sealed
from tsdsl.exporting import export_pt2
from tsdsl.exporting.provenance import Provenance
from tsdsl.exporting.pt2 import read_pt2, read_pt2_weights
from tsdsl.lowering import Model, read_weights_architecture, save_model
from tsdsl.lowering.weights import load_weights, read_tensors
from tsdsl.network.layout import Blueprint
from tsdsl.source import SourceFile
from tsdsl.space.model import Space
from tsdsl.space.parts import Scale

BINARY_NAMES = (
    "weights.safetensors",
    "net.pt2",
    "checkpoint's state",
    "checkpoint's state, with a hash that fits",
    "checkpoint's tensors",
)


def binary_formats() -> dict[str, Format]:
    """All of them by name, like `support.mutations.formats`."""
    (resolved,) = check(SourceFile("micro.tsspace", SPACE)).spaces
    space: Space = resolved.space
    architecture = next(tsdsl.Space.of(space).sample(seed=1))
    model = Model(Blueprint(space).network(architecture.decisions, architecture.step), seed=0).eval()
    provenance = Provenance(architecture=architecture, scale=Scale(name=""), classes=space.classes)
    compiled = json.dumps(space.to_dict())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_model(folder / "weights.safetensors", model, architecture)
        weights = (folder / "weights.safetensors").read_bytes()
        store = CheckpointStore(folder / "checkpoints", logs=["metrics.jsonl"])
        (folder / "metrics.jsonl").write_text('{"iteration": 2, "loss": 1.5}\n', encoding="utf-8")
        saved = store.save(model.state_dict(), {"seconds": 1.5, "samples": 3}, 2)
        place = f"checkpoints/{saved.name}"
        files = {f"{place}/{name}": (saved / name).read_bytes() for name in (STATE, TENSORS)}
    beside = {**files, "metrics.jsonl": '{"iteration": 2, "loss": 1.5}\n'}
    program = (
        call(lambda folder: read_pt2_weights(folder / "net.pt2", read_pt2(folder / "net.pt2")[1])),
        command("verify", "FOLDER/net.pt2"),
    )
    stored = (
        call(lambda folder: CheckpointStore(folder / "checkpoints", logs=["metrics.jsonl"]).latest()),
        call(lambda folder: [*CheckpointStore(folder / "checkpoints", logs=["metrics.jsonl"]).problems()]),
    )
    read = (
        call(lambda folder: read_tensors(folder / "weights.safetensors")),
        call(lambda folder: read_weights_architecture(folder / "weights.safetensors")),
        call(lambda folder: load_weights(folder / "weights.safetensors", model)),
    )
    return {
        "weights.safetensors": Format("weights.safetensors", weights, read, damage=damaged_weights),
        "net.pt2": Format("net.pt2", export_pt2(model, provenance), program, {"space.json": compiled}, damaged_archive),
        "checkpoint's state": Format(f"{place}/{STATE}", files[f"{place}/{STATE}"], stored, beside),
        "checkpoint's state, with a hash that fits": Format(
            f"{place}/{STATE}", files[f"{place}/{STATE}"], stored, beside, _damaged_and_sealed
        ),
        "checkpoint's tensors": Format(f"{place}/{TENSORS}", files[f"{place}/{TENSORS}"], stored, beside, damaged),
    }


def _damaged_and_sealed(content: bytes, draw: Random) -> bytes:
    """Mutated JSON whose hash is right again, if it is an object still; else the content as it was damaged."""
    data = mutated(content, draw)
    try:
        value = json.loads(data)
        value.pop("sha256", None)
        return sealed(value).encode()
    except (ValueError, AttributeError, RecursionError):
        return data
