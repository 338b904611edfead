"""Exported source: the same scores and keys, no tsdsl in it, and readable."""

from __future__ import annotations

import ast
import importlib.util
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import tsdsl
from tsdsl.errors import UsageError
from tsdsl.export import export_python, verify_export
from tsdsl.lowering import Model, save_model
from tsdsl.network.layout import Blueprint
from tsdsl.space.architecture import Architecture
from tsdsl.space.parts import Alternative, Scale
from tsdsl.space.stored import strictly


def trained_like(network, seed=0):
    """A model whose BN layers all do something."""
    model = Model(network, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if "norm" in name and tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
    return model


@pytest.mark.parametrize("step", [1, 2, None])
def test_the_exported_model_gives_the_same_scores(small_blueprint, draw, step):
    for seed in range(10):
        model = trained_like(small_blueprint.network(draw(small_blueprint.space, seed), step))
        assert verify_export(export_python(model.network), model).holds


def test_verification_notices_a_difference(small_blueprint, draw):
    model = trained_like(small_blueprint.network(draw(small_blueprint.space, 0)))
    source = export_python(model.network).replace("return self.head.classifier(", "return 2 * self.head.classifier(")
    assert verify_export(source, model).share > 0.5


def test_verification_notices_other_keys(small_blueprint, draw):
    model = trained_like(small_blueprint.network(draw(small_blueprint.space, 0)))
    source = export_python(model.network).replace("self.expand_norm", "self.first_norm")
    with pytest.raises(RuntimeError, match="expand_norm"):
        verify_export(source, model)


def test_fusion_both_ways_reads_the_features_before_fusion(small_space, draw):
    sample = (Alternative(operator="time_strided_sample"),)
    forth, _ = small_space.fusions
    forth = replace(forth, alternatives=sample, decision=None, merge="concat")
    back = {"path": "fusion.sparse.stage0.group1", "source": "sparse", "target": "dense"}
    streams = tuple(replace(stream, frames=4) for stream in small_space.streams)
    space = replace(small_space, streams=streams, fusions=(forth, replace(forth, **back)))
    network = Blueprint(space).network(draw(space, 0))
    source = export_python(network)
    assert "sparse_alone = sparse" in source
    assert verify_export(source, trained_like(network)).holds


def test_the_file_loads_weights_by_itself_without_tsdsl(tmp_path, small_space, draw):
    decisions = draw(small_space, 2)
    model = trained_like(Blueprint(small_space).network(decisions)).eval()
    architecture = Architecture(space="small", fingerprint=small_space.fingerprint, decisions=decisions)
    path = tmp_path / "found.py"
    path.write_text(export_python(model.network, architecture, labels=[f'label "{i}"' for i in range(5)]))
    save_model(tmp_path / "found.safetensors", model, architecture)
    imported = {
        alias.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {n.module for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom)}
    assert imported <= {"__future__", "torch", "torch.nn.functional", "safetensors.torch"}
    spec = importlib.util.spec_from_file_location("found", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    loaded = module.load(str(tmp_path / "found.safetensors"))
    frames = torch.randint(0, 256, (2, 4, 16, 16, 3), dtype=torch.uint8)
    x = module.preprocess(frames)
    assert x.shape == (2, 3, module.FRAMES, module.SIZE, module.SIZE)
    torch.testing.assert_close(x, (frames.permute(0, 4, 1, 2, 3) / 255 - 0.45) / 0.225)
    torch.testing.assert_close(loaded(x), model(x), atol=1e-5, rtol=1e-4)
    assert module.LABELS[1] == 'label "1"'
    for name, value in decisions.items():
        assert name in module.__doc__
        assert str(value) in module.__doc__


def test_only_the_classes_in_use_are_written(small_blueprint, draw):
    source = export_python(small_blueprint.network(draw(small_blueprint.space, 0), 1))
    assert "class MBConv3d" in source
    assert "class GloRe" not in source
    assert "class X3DBlock" not in source
    assert "SqueezeExcite" not in source


def test_the_file_is_clean_by_the_linter_and_no_line_is_long(tmp_path, small_blueprint, draw):
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent))
    if ruff is None:
        pytest.skip("ruff is not installed")
    for seed in range(4):
        path = tmp_path / f"found{seed}.py"
        path.write_text(export_python(small_blueprint.network(draw(small_blueprint.space, seed))))
    command = [ruff, "check", "--isolated", "--line-length=110", "--select=E,F,W,UP,C4", str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_a_wrong_number_of_labels_is_refused(small_blueprint, draw):
    with pytest.raises(UsageError, match="2 labels were given for 5 classes"):
        export_python(small_blueprint.network(draw(small_blueprint.space, 0)), labels=["a", "b"])


def test_a_stream_named_like_a_module_method_is_refused(small_space, draw):
    text = json.dumps(small_space.to_dict()).replace("dense", "train")
    space = strictly(type(small_space), json.loads(text))
    with pytest.raises(UsageError, match="train cannot be an attribute"):
        export_python(Blueprint(space).network(draw(space, 0)))


def test_x3d_exported_gives_the_same_scores():
    scale = Scale(name="thin", size=32, frames=4)
    model = trained_like(Blueprint(tsdsl.load("std:x3d"), scale=scale).network({}))
    source = export_python(model.network)
    assert verify_export(source, model).holds
    assert "X3DStem(3, 12, kernel=(5, 3, 3), stride=2)" in source
    assert "bare=True" in source
