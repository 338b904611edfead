"""Evaluation on several ranks: every video counts once, however their number divides."""

from __future__ import annotations

import json

import pytest

from support.memory_clips import MemoryViews, tiny_blueprint
from support.processes import launch
from tsdsl.engine.evaluation.evaluate import evaluate_views
from tsdsl.lowering.model import Model

PROGRAM = """
import sys, torch
from support.memory_clips import MemoryViews, tiny_blueprint
from tsdsl.engine.evaluation.evaluate import evaluate_views
from tsdsl.engine.ranks.ranks import joined
from tsdsl.lowering.model import Model

with joined(torch.device("cpu")) as ranks:
    views = MemoryViews(num_videos=int(sys.argv[1]), ranks=ranks)
    found = evaluate_views(Model(tiny_blueprint().network({}), seed=3), views, ranks=ranks)
    print(found.model_dump_json())
"""


@pytest.mark.parametrize(("size", "num_videos"), [(2, 7), (3, 7), (3, 2)])
def test_every_rank_gets_the_evaluation_of_one_rank(size: int, num_videos: int) -> None:
    """Two videos leave the third rank without any."""
    ended = launch(PROGRAM, size, str(num_videos))
    assert [end.errors for end in ended if end.code] == []
    alone = evaluate_views(Model(tiny_blueprint().network({}), seed=3), MemoryViews(num_videos=num_videos))
    assert alone.num_videos == num_videos
    for end in ended:
        assert json.loads(end.output) == json.loads(alone.model_dump_json())
