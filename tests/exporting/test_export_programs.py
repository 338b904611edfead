"""Exported programs: the same scores for any batch, plain convolutions in them, and what the model expects beside."""

from __future__ import annotations

import copy
import importlib.util
import io
import json
from random import Random

import pytest
import torch

from support.binary_mutations import damaged_archive
from tsdsl.analysis.questions.sampling import sample_architectures
from tsdsl.check.check import check
from tsdsl.check.load import load
from tsdsl.data.video.augment import MEAN, STANDARD_DEVIATION
from tsdsl.errors import FileError, RunError, UsageError
from tsdsl.exporting import export_onnx, export_pt2, verify_export, verify_onnx, verify_pt2
from tsdsl.exporting.agreement import Agreement, agreement, demand_agreement
from tsdsl.exporting.onnx import read_onnx, read_onnx_description
from tsdsl.exporting.preprocessing import Sampling, preprocessing
from tsdsl.exporting.provenance import Provenance, export_with_provenance
from tsdsl.exporting.pt2 import program_name, read_pt2, read_pt2_weights
from tsdsl.lowering import Model, recalibrate
from tsdsl.network.layout import Blueprint
from tsdsl.source import SourceFile
from tsdsl.space.architecture import Architecture
from tsdsl.space.decided import canonical
from tsdsl.space.parts import Scale
from tsdsl.space.stored import strictly

CONCAT = pytest.mark.parametrize("small_space", ["concat"], indirect=True)
SMALL = Scale(name="small", size=32)


def settled(network, seed=0):
    model = Model(network, seed=seed)
    recalibrate(model, [torch.randn(2, 3, network.frames, network.size, network.size)])
    return model.eval()


def small_model(space, draw, attention=None, **given):
    decisions = canonical(
        space, {decision.path: decision.values[0] for decision in space.decisions} | draw(space, 0) | (attention or {})
    )
    architecture = Architecture(space=space.name, fingerprint=space.fingerprint, decisions=decisions)
    scale = Scale(name="")
    network = Blueprint(space, scale=scale).network(decisions)
    return settled(network), Provenance(architecture=architecture, scale=scale, classes=network.classes, **given)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("tiny", marks=pytest.mark.nightly),  # tests/cli/test_search_commands.py exports two streams
        "x3d",
        pytest.param("slowfast", marks=pytest.mark.nightly),
        pytest.param("i3d", marks=pytest.mark.nightly),
    ],
)
def test_all_formats_give_the_same_scores_for_batches_of_one_and_three(seed_everything, name):
    space = load("std:single_stream", "i3d") if name == "i3d" else load(f"std:{name}")
    (architecture,) = sample_architectures(space, 1, seed=3)
    network = Blueprint(space, scale=SMALL).network(architecture.decisions, architecture.step)
    model = settled(network)
    provenance = Provenance(architecture=architecture, scale=SMALL, classes=network.classes)
    assert verify_export(export_with_provenance(space, provenance), model).holds
    assert verify_pt2(export_pt2(model, provenance), model).holds
    assert verify_onnx(export_onnx(model, provenance), model).holds


def test_searched_words_and_products_give_the_same_scores_in_every_format():
    text = """tsspace 1
space s {
  classes = 5
  size    = 12
  shared w = {1, 2}
  stream one { frames = 4  stage 0 {
    group conv3d(kernel = 1x3x3, channels = 8 * w, stride = w, act = {hswish, swish})
    group mbconv3d(t = 3, k = 3, expansion = 2, channels = 8 * w, act = {relu, hswish}, se = {none, all},
                   shortcut = {identity, projection}, stride = {1, 2}) * 2
  } }
  head { features = 16 }
}
"""
    space = check(SourceFile("s.tsspace", text)).spaces[0].space
    decisions = {"shared.w": 2, "one.stage0.group1.act": "hswish", "one.stage0.group2.act": "hswish"}
    decisions |= {"one.stage0.group2.se": "all", "one.stage0.group2.shortcut": "identity"}
    decisions |= {"one.stage0.group2.stride": 2}
    architecture = Architecture(space=space.name, fingerprint=space.fingerprint, decisions=decisions)
    network = Blueprint(space).network(decisions)
    model, provenance = settled(network), Provenance(architecture=architecture, scale=Scale(name=""), classes=5)
    assert verify_export(export_with_provenance(space, provenance), model).holds
    assert verify_pt2(export_pt2(model, provenance), model).holds
    assert verify_onnx(export_onnx(model, provenance), model).holds


@CONCAT
def test_every_operator_becomes_plain_torch_even_under_names_that_python_reserves(small_space, draw):
    space = strictly(type(small_space), json.loads(json.dumps(small_space.to_dict()).replace("dense", "train")))
    attention = {"attention.sparse.stage2.group1.op": "nonlocal", "attention.train.stage2.group1.op": "glore"}
    model, provenance = small_model(space, draw, attention=attention)
    content = export_pt2(model, provenance)
    assert verify_pt2(content, model).holds
    called = {
        str(node.target) for node in torch.export.load(io.BytesIO(content)).graph.nodes if node.op == "call_function"
    }
    assert "aten.conv3d.default" in called
    assert all(name.startswith("aten.") for name in called), called


@CONCAT
def test_a_difference_is_noticed_and_refused(small_space, draw):
    model, _ = small_model(small_space, draw)
    found = agreement(model, lambda clip: copy.deepcopy(model).double()(clip) * (1 + 1e-2))
    assert not found.holds
    with pytest.raises(RunError, match="scores of the exported model differ by"):
        demand_agreement(found)


def test_agreement_of_vanishing_scores_shows_nothing():
    assert not Agreement(difference=0.0, largest_score=0.0).holds
    assert not Agreement(difference=1e-9, largest_score=1e-9).holds
    assert Agreement(difference=1e-13, largest_score=1e-9).holds
    assert Agreement(difference=1e-5, largest_score=0.1).holds
    assert Agreement(difference=5e-5, largest_score=10).holds
    assert Agreement(difference=3e-5, largest_score=1, rounding=1e-5, exported_rounding=2e-5).holds
    assert not Agreement(difference=6e-5, largest_score=1, rounding=1e-5, exported_rounding=5e-5).holds
    assert not Agreement(difference=3e-5, largest_score=1).holds


@CONCAT
def test_a_program_tells_labels_and_preprocessing(small_space, draw, tmp_path):
    labels = ('"quoted"', "<b>\x1b[31m\0", "übung 🎬 \u202eb", "../" + "x" * 200, "=1+1\nb")
    sampling = Sampling(method="span", interval_s=0.25, short_side_px=182)
    model, provenance = small_model(small_space, draw, labels=labels, sampling=sampling)
    pt2, onnx = tmp_path / "net.pt2", tmp_path / "net.onnx"
    pt2.write_bytes(export_pt2(model, provenance))
    onnx.write_bytes(export_onnx(model, provenance))
    for path in (pt2, onnx):
        assert b"/model.py" not in path.read_bytes()
        assert b"tsdsl.lowering" not in path.read_bytes()
    described, declared = read_pt2(pt2)
    weights = read_pt2_weights(pt2, declared)
    stored = read_onnx(onnx, model.network)
    assert stored.unchanged
    assert stored.sizes == {"clip": ("batch", 3, 4, 16, 16), "scores": ("batch", 5)}
    for texts in (described.texts, read_onnx_description(onnx).texts):
        assert tuple(json.loads(texts["labels"])) == labels
        expected = json.loads(texts["preprocessing"])
        assert expected["sampling"]["interval_s"] == 0.25
        assert [(item["stream"], item["every"], item["frames"]) for item in expected["streams"]] == [
            ("sparse", 2, 2),
            ("dense", 1, 4),
        ]
    assert len(weights) == len(model.state_dict())
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(weights[program_name(name)], tensor, rtol=0, atol=0)


@CONCAT
def test_the_values_that_a_model_expects_are_those_that_training_makes(small_blueprint, draw):
    expected = preprocessing(small_blueprint.network(draw(small_blueprint.space, 0)), None)
    assert (expected.mean, expected.std) == (MEAN, STANDARD_DEVIATION)


def test_a_file_that_is_no_program_is_refused_by_name(tmp_path):
    for name, read in (("net.pt2", read_pt2), ("net.onnx", read_onnx_description)):
        path = tmp_path / name
        for content in (b"", b"no such thing"):
            path.write_bytes(content)
            with pytest.raises(FileError, match=name):
                read(path)
        with pytest.raises(FileError, match="missing"):
            read(tmp_path / f"missing{path.suffix}")


@CONCAT
def test_a_damaged_program_is_read_or_refused_by_name(small_space, draw, tmp_path):
    path = tmp_path / "net.pt2"
    content = export_pt2(*small_model(small_space, draw))
    errors = []
    for seed in range(150):
        path.write_bytes(damaged_archive(content, Random(seed)))
        try:
            read_pt2(path)
        except FileError as error:
            errors.append(error.message)
    assert len(errors) > 50
    assert all(str(path) in error for error in errors)


@CONCAT
def test_a_missing_package_is_told_with_the_command_that_installs_it(small_space, draw, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "onnxscript" else find_spec(name, *rest)
    )
    model, provenance = small_model(small_space, draw)
    with pytest.raises(UsageError, match="missing: onnxscript") as raised:
        export_onnx(model, provenance)
    assert raised.value.help == "install them: pip install onnx onnxscript onnxruntime"


@pytest.fixture
def seed_everything():
    torch.manual_seed(0)
