"""Exported source: the same scores and keys, no tsdsl in it, and readable."""

from __future__ import annotations

import ast
import importlib.util
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import tsdsl
from support.handmade_spaces import draw_decisions, make_space
from tsdsl.check.check import check
from tsdsl.errors import UsageError
from tsdsl.exporting import export_python, verify_export
from tsdsl.lowering import Model, save_model
from tsdsl.network.layout import Blueprint
from tsdsl.source import SourceFile
from tsdsl.space.architecture import Architecture
from tsdsl.space.parts import Alternative, Scale

NAMED = """tsspace 1
space SPACE {
  classes = 4
  size = 16
  stream SLOW {
    frames = 2
    stage 0 { group conv3d(kernel = 1x3x3, channels = 4, stride = 2) }
    stage 1 { group mbconv3d(t = 1, k = 3, expansion = {1, 2}, channels = 4) }
  }
  stream FAST {
    frames = 4
    stage 0 { group conv3d(kernel = 1x3x3, channels = 4, stride = 2) }
    stage 1 { group conv3d(kernel = 1x3x3, channels = 4) }
  }
  fusion FAST -> SLOW { after = stage[0].group[1]  op = time_to_channel }
  attention SLOW, FAST { after = stage[0].group[1]  op = se }
}
"""


def trained_like(network, seed=0):
    """A model whose BN layers all do something."""
    model = Model(network, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if "norm" in name and tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
    return model


@pytest.fixture(scope="module")
def exported():
    """A model and its source."""
    space = make_space()
    model = Model(Blueprint(space).network(draw_decisions(space, 0)), seed=0)
    return model, export_python(model.network)


@pytest.mark.parametrize("seeds", [range(4), pytest.param(range(4, 10), marks=pytest.mark.nightly)], ids=str)
@pytest.mark.parametrize("step", [1, 2, None])
def test_the_exported_model_gives_the_same_scores(small_blueprint, draw, step, seeds):
    for seed in seeds:
        model = trained_like(small_blueprint.network(draw(small_blueprint.space, seed), step))
        assert verify_export(export_python(model.network), model).holds


def test_verification_notices_a_difference(small_blueprint, draw):
    model = trained_like(small_blueprint.network(draw(small_blueprint.space, 0)))
    source = export_python(model.network).replace("torch.cat((sparse, dense), 1))", "torch.cat((dense, sparse), 1))")
    assert not verify_export(source, model).holds


def test_verification_notices_other_keys(small_blueprint, draw):
    model = trained_like(small_blueprint.network(draw(small_blueprint.space, 0)))
    source = export_python(model.network).replace("stage0=Named(", "stage9=Named(").replace(".stage0.", ".stage9.")
    with pytest.raises(RuntimeError, match="stage9"):
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
    with pytest.raises(UsageError, match="expected 5 labels, one for each class, got 2"):
        export_python(small_blueprint.network(draw(small_blueprint.space, 0)), labels=["a", "b"])


NAMES = [
    ("lambda", "lambda_", "lambda"),
    ("train", "forward", "training"),
    ("self", "self_alone", "clip"),
    ("torch", "nn", "named"),
    ("Tensor", "F", "conv_norm_act"),
    ("time_to_channel", "max_pool3d", "STD"),
    ("None", "True", "none"),
    ("__init__", "__x", "__x"),
    ("_modules", "_parameters", "_"),
    ("range", "getattr", "_1x"),
    ("stage0", "group1", "kernel"),
    ("load", "preprocess", "load_file"),
    ("num_classes", "Named", "blocks"),
    ("classifier", "pool", "tensor"),
]


@pytest.mark.parametrize(("slow", "fast", "space"), NAMES)
def test_a_space_may_use_names_that_python_torch_and_the_file_itself_use(tmp_path, slow, fast, space):
    text = NAMED.replace("SLOW", slow).replace("FAST", fast).replace("SPACE", space)
    checked = check(SourceFile("names.tsspace", text))
    assert not checked.diagnostics
    (resolved,) = checked.spaces
    architecture = next(tsdsl.Space.of(resolved.space).sample(seed=3))
    model = trained_like(Blueprint(resolved.space).network(architecture.decisions))
    source = export_python(model.network, architecture)
    assert verify_export(source, model).holds
    save_model(tmp_path / "weights.safetensors", model)
    (tmp_path / "found.py").write_text(source)
    spec = importlib.util.spec_from_file_location("found", tmp_path / "found.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    clips = torch.randn(1, 3, model.network.frames, 16, 16)
    with torch.no_grad():
        scores = module.load(tmp_path / "weights.safetensors")(clips)
        assert torch.allclose(scores, model.eval()(clips), atol=1e-5)


CODE = '__dict__[getattr(__import__("os"), "system")("true")]'


@pytest.mark.parametrize("name", [CODE, "a b", "a\nb", "a.b", "1a", "", "é", 'a"', "a\\"])
def test_a_name_that_is_not_an_identifier_is_never_written_into_source(small_space, draw, name):
    network = Blueprint(small_space).network(draw(small_space, 0))
    nodes = [replace(node, part=name) if node.part == "sparse" else node for node in network.nodes]
    for hostile in (replace(network, space=name), replace(network, nodes=tuple(nodes))):
        with pytest.raises(UsageError, match="is not a name, so it cannot be written into source code"):
            export_python(hostile)


def test_decisions_cannot_end_the_docstring(small_space, draw):
    network = Blueprint(small_space).network(draw(small_space, 0))
    for path in ('"""\nimport os\n"""', "a\\", "a\u202eb"):
        architecture = Architecture(space="small", fingerprint="0", decisions={path: 1})
        with pytest.raises(UsageError, match="cannot be written into a docstring"):
            export_python(network, architecture)


def test_labels_are_strings_whatever_they_hold(small_space, draw):
    network = Blueprint(small_space).network(draw(small_space, 0))
    labels = ['"); import os', "a\nb", "back\\slash", "right\u202eleft", "\ud800"]
    (found,) = [
        statement.value
        for statement in ast.parse(export_python(network, labels=labels)).body
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "LABELS"
    ]
    assert list(ast.literal_eval(found)) == labels


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("import torch\n", "import torch, os\n"),
        ("FRAMES = ", "FRAMES = print(1) or "),
        ("class ConvNormAct(", "@print\nclass ConvNormAct("),
        ("class ConvNormAct(", "class __builtins__: pass\nclass ConvNormAct("),
        ("self.conv = nn.Conv3d(", "self.conv = print() or nn.Conv3d("),
        ("        super().__init__()\n        self.sparse", "        print()\n        self.sparse"),
        ("self.sparse = Named(", "self.sparse = print() or Named("),
        ("self.sparse = Named(", "self.other = __builtins__['print'](1)\n        self.sparse = Named("),
        ("self.sparse = Named(", "self.other = F.__builtins__['print'](1)\n        self.sparse = Named("),
        ("self.sparse = Named(", "self.other = torch.hub.load('a', 'b')\n        self.sparse = Named("),
        ("self.sparse = Named(", "self.other = nn.Linear(1, 1)\n        self.sparse = Named("),
        ("self.sparse = Named(", "self.other = Named(a=nn.ReLU(print(1)))\n        self.sparse = Named("),
        ("self.sparse = Named(", "self.other = Blocks(act=print)\n        self.sparse = Named("),
        ("self.sparse = Named(", "self.other = Blocks(**{print(1): 1})\n        self.sparse = Named("),
        ("self.sparse = Named(", "self.other = Blocks(*(1 for _ in range(10**9)))\n        self.sparse = Named("),
        ("self.sparse = Named(", "self.other = time_to_channel(1, 1)\n        self.sparse = Named("),
        ("self.sparse = Named(", "self.train = Named("),
        ("return self.head.classifier(", "return self.head.__class__.classifier("),
        ("sparse = self.sparse.stage0", "sparse = self.sparse.__init__.__globals__"),
        ("return self.head", "import os\n        return self.head"),
        ("return self.head", "sparse = sparse.numpy((2, 3, 4))\n        return self.head"),
        ("return self.head", "sparse = torch.load(sparse)\n        return self.head"),
        ("return self.head", "sparse = torch.cat((sparse, sparse), 1, out=sparse)\n        return self.head"),
        ("return self.head", f"sparse = torch.cat(({'sparse, ' * 999}), 1)\n        return self.head"),
        ("return self.head", "sparse = sparse.__class__(9)\n        return self.head"),
        ("return self.head", "sparse = sparse[print()]\n        return self.head"),
        ("return self.head", "torch = clip\n        return self.head"),
        ("return self.head", "sparse = self.missing(sparse)\n        return self.head"),
        ("    def forward(", "    @print\n    def forward("),
        ("    def forward(self, clip: Tensor)", "    def forward(self, clip: Tensor = print(1))"),
        ("def preprocess(", "print(1)\n\n\ndef preprocess("),
        ("class Small(nn.Module)", "class Small(nn.Module, metaclass=print)"),
        ("num_classes: int = 5", "num_classes: int = print()"),
    ],
)
def test_what_export_does_not_print_is_refused_and_never_run(exported, capsys, old, new):
    model, source = exported
    assert old in source
    with pytest.raises(ValueError, match=r"is not a form|has no class|malformed|literal"):
        verify_export(source.replace(old, new, 1), model)
    assert capsys.readouterr().out == ""


def test_a_huge_layer_is_refused_before_it_takes_memory(small_blueprint, draw):
    model = Model(small_blueprint.network(draw(small_blueprint.space, 0)), seed=0)
    source = export_python(model.network)
    larger = re.sub(r"ConvNormAct\(3, \d+", "ConvNormAct(3, 10000000000", source, count=1)
    assert larger != source
    with pytest.raises(RuntimeError, match="size mismatch"):
        verify_export(larger, model)


def test_x3d_exported_gives_the_same_scores():
    scale = Scale(name="thin", size=32, frames=4)
    model = trained_like(Blueprint(tsdsl.load("std:x3d"), scale=scale).network({}))
    source = export_python(model.network)
    assert verify_export(source, model).holds
    assert "X3DStem(3, 12, kernel=(5, 3, 3), stride=2)" in source
    assert "bare=True" in source
