"""What holds of every space that `check` accepts, names included: it builds, runs, extracts, exports and comes back."""

from __future__ import annotations

import json
import re
from random import Random

import torch

import tsdsl
from support.printed import printed
from support.random_spaces import STAGE_NAMES, valid_space
from tsdsl.check.check import check
from tsdsl.check.stored import space_from_dict
from tsdsl.exporting import export_python, verify_export
from tsdsl.lowering import Supernet, extract
from tsdsl.network.cost import network_cost, plain
from tsdsl.network.layout import Blueprint
from tsdsl.source import SourceFile
from tsdsl.space.architecture import Architecture, problems

NAMES = (
    *("lambda", "lambda_", "class", "None", "True", "async", "_", "__", "__init__", "__x", "__class__", "self", "clip"),
    *("torch", "nn", "F", "Tensor", "Kernel", "Named", "Blocks", "range", "getattr", "super", "print", "load"),
    *("train", "forward", "training", "parameters", "_modules", "state_dict", "children", "name", "half", "float"),
    *("stage0", "group1", "block0", "conv", "norm", "classifier", "pool", "project", "features", "slow_alone", "input"),
    *("decision", "flops", "params", "none", "op", "glore", "nan", "inf", "x3d", "width", "FRAMES", "preprocess"),
)


def renamed(seed: int) -> str:
    """A random space without a mistake, its streams and itself called as Python, torch or the exports call things."""
    draw = Random(seed)
    text = printed(valid_space(draw, most_choices=6))
    for old, new in zip((*STAGE_NAMES, "drawn"), draw.sample(NAMES, 4), strict=True):
        text = re.sub(rf"\b{old}\b", new, text)
    return text


def accepted(text: str) -> bool:
    """Whether `check` takes the text; if so it is used in all ways, and an assertion fails where one goes wrong."""
    checked = check(SourceFile("accepted.tsspace", text))
    if any(d.severity == "error" for d in checked.diagnostics):
        return False
    (resolved,) = checked.spaces
    space = resolved.space
    assert space_from_dict(json.loads(json.dumps(space.to_dict()))) == space
    architecture = next(tsdsl.Space.of(space).sample(seed=1))
    again = Architecture.model_validate_json(json.dumps(architecture.model_dump(mode="json")), strict=True)
    assert again == architecture
    assert problems(space, again) == []
    blueprint = Blueprint(space)
    supernet = Supernet(blueprint, seed=0)
    model = extract(supernet, architecture.decisions).eval()
    network = model.network
    clips_BCTHW = torch.rand(2, 3, network.frames, network.size, network.size)
    with torch.no_grad():
        scores_BK = model(clips_BCTHW)
    assert scores_BK.shape == (2, space.classes)
    assert bool(scores_BK.isfinite().all())
    _, params, _ = plain(network_cost(network))
    assert params == sum(parameter.numel() for parameter in model.parameters())
    found = verify_export(export_python(network, architecture), model)
    assert found.difference <= 1e-5 * max(1.0, found.largest_score)
    return True
