"""Every view is well-formed and the same text in every process, whatever the order in which hashes put things."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from xml.etree import ElementTree

VIEWS = """
import json
import tsdsl
from tsdsl.analysis.questions.cost_histogram import cost_distribution
from tsdsl.network.layout import Blueprint
from tsdsl.analysis.tables.cost_table import CostTable
from tsdsl.drawing import AlphaEpoch, CostMark, draw_alpha, draw_architecture, draw_difference, draw_figure
from tsdsl.drawing import draw_landscape, draw_space, found_model
from tsdsl.drawing.graph_parts import Detail
from tsdsl.drawing.landscape import PAPER_MODELS
from tsdsl.drawing.theme import DARK

space = tsdsl.load("std:tiny")
one, other = (next(space.sample(seed=seed)) for seed in (1, 2))
models = [found_model(Blueprint(space), architecture) for architecture in (one, other)]
sizes = {path: len(space.decision_by_path[path].values) for path in space.steps[0].decisions}
epochs = [AlphaEpoch(n, 2.0 - n, 1e7, {path: (1 / k,) * k for path, k in sizes.items()}) for n in (0, 1)]
spread = cost_distribution(CostTable(Blueprint(space)), intervals=30)
marks = [CostMark("step 1", 8_000_000), CostMark("a model", 9_000_000, is_target=False)]
drawn = {f"space {detail}": draw_space(space, detail) for detail in Detail}
drawn |= {f"architecture {detail}": draw_architecture(space, one, detail=detail, theme=DARK) for detail in Detail}
drawn["figure"] = draw_figure(models[0], theme=DARK)
drawn["difference"] = draw_difference(models[0], models[1])
drawn["alpha"] = draw_alpha(space, epochs)
drawn["landscape"] = draw_landscape("tiny", spread, PAPER_MODELS, marks)
print(json.dumps(drawn))
"""


def drawn_with(hash_seed: str) -> dict[str, str]:
    """All views, drawn in a process of their own."""
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run([sys.executable, "-c", VIEWS], env=environment, capture_output=True, text=True, check=True)
    views: dict[str, str] = json.loads(done.stdout)
    return views


def test_every_view_is_well_formed_and_the_same_text_in_every_process() -> None:
    first, second = drawn_with("1"), drawn_with("2")
    assert len(first) == 10
    for name, svg in first.items():
        assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg", name
        assert svg == second[name], name
