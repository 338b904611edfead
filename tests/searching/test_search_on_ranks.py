"""Several ranks that share the samples of a search: what one rank with all of them gives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from support.learners import ORDER, learner, ramps
from support.processes import launch
from support.search_spaces import TINY, load_text
from tsdsl.engine.ranks.ranks import Ranks
from tsdsl.errors import UsageError
from tsdsl.lowering.weights import read_tensors
from tsdsl.searching import Cadence, DataSettings, SearchSettings, search
from tsdsl.searching.learning.shared_samples import require_work
from tsdsl.searching.step import read_alpha
from tsdsl.space.architecture import read_architecture
from tsdsl.space.model import Space

CHANGES = {"samples": 5, "reduction": "sum", "likelihood_temperature": 2.0, "score": "likelihood", "seed": 3}
CHANGES |= {"warmup_epochs": 1, "warmup_samples": "distilled", "clips_per_forward": 6, "gradient_norm": 0.5}
LEARNER = """
import json, sys, torch
from pathlib import Path
from safetensors.torch import save_file
import tsdsl
from support.learners import learner, ramps
from tsdsl.engine.ranks.ranks import joined

folder = Path(sys.argv[1])
with joined(torch.device("cpu")) as ranks:
    step = learner(tsdsl.load(folder / "order.tsspace"), ranks=ranks, **json.loads(sys.argv[2]))
    for iteration in range(3):
        step.update_weights(ramps(2 * iteration), iteration, iteration / 3, warms_up=iteration == 0)
        step.update_alpha(ramps(2 * iteration + 1), iteration)
    ranks.require_same(step.tensors(), "the end")
    if ranks.is_first:
        save_file({name: t.clone() for name, t in step.tensors().items()}, folder / "learned.safetensors")
"""
SEARCH = """
import json, sys, torch
from pathlib import Path
import tsdsl
from tsdsl.engine.ranks.ranks import joined
from tsdsl.searching import Cadence, DataSettings, SearchSettings, search

space, clips, run, settings = sys.argv[1:]
with joined(torch.device("cpu")) as ranks:
    result = search(tsdsl.load(space), step=1, data=Path(clips), run=Path(run), device="cpu", ranks=ranks,
                    settings=SearchSettings.model_validate_json(settings), data_settings=DataSettings(cache=True),
                    cadence=Cadence(checkpoint_iterations=3, log_iterations=1))
    print(result.model_dump_json())
"""


@pytest.mark.parametrize("size", [2, 3])
def test_ranks_with_a_part_of_the_samples_learn_what_one_rank_with_all_does(tmp_path: Path, size: int) -> None:
    (tmp_path / "order.tsspace").write_text(ORDER.replace("dropout = 0.0", "dropout = 0.5"))
    ended = launch(LEARNER, size, str(tmp_path), json.dumps(CHANGES))
    assert [end.errors for end in ended if end.code] == []
    step = learner(load_text(tmp_path, ORDER.replace("dropout = 0.0", "dropout = 0.5")), **CHANGES)
    before = {name: tensor.clone() for name, tensor in step.tensors().items()}
    for iteration in range(3):
        step.update_weights(ramps(2 * iteration), iteration, iteration / 3, warms_up=iteration == 0)
        step.update_alpha(ramps(2 * iteration + 1), iteration)
    shared = read_tensors(tmp_path / "learned.safetensors")
    alone = step.tensors()
    assert shared.keys() == alone.keys()
    assert not torch.equal(alone["alpha"], before["alpha"])
    for name, tensor in alone.items():
        torch.testing.assert_close(shared[name], tensor, rtol=1e-4, atol=1e-6)


def test_a_search_on_two_ranks_finds_what_one_finds_and_writes_it_once(
    tiny: Space, clips: Path, tmp_path: Path
) -> None:
    settings = SearchSettings(
        method="parsec", samples=3, batch_size=5, recalibration_batches=2, weight_lr=0.5, epochs=1
    )
    (tmp_path / "tiny.tsspace").write_text(TINY)
    arguments = [str(tmp_path / "tiny.tsspace"), str(clips), str(tmp_path / "many"), settings.model_dump_json()]
    ended = launch(SEARCH, 2, *arguments)
    assert [end.errors for end in ended if end.code] == []
    results = [json.loads(end.output) for end in ended]
    assert results[0] == results[1]
    alone = search(
        tiny,
        step=1,
        data=clips,
        run=tmp_path / "one",
        device="cpu",
        settings=settings,
        data_settings=DataSettings(cache=True),
        cadence=Cadence(checkpoint_iterations=3, log_iterations=1),
    )
    assert results[0]["samples"] == alone.samples
    assert results[0]["accuracy"] == alone.accuracy
    found = [read_architecture(tmp_path / run / "step1" / "architecture.json").decisions for run in ("many", "one")]
    assert found[0] == found[1]
    ours, theirs = (read_tensors(tmp_path / run / "step1" / "weights.safetensors") for run in ("many", "one"))
    for name in theirs:
        torch.testing.assert_close(ours[name], theirs[name], rtol=1e-3, atol=1e-5)
    lines, expected = (read_alpha(tmp_path / run / "step1") for run in ("many", "one"))
    assert [line["entropy"] for line in lines] == pytest.approx([line["entropy"] for line in expected])


def test_more_ranks_than_samples_are_refused() -> None:
    with pytest.raises(UsageError, match="samples = 4 cannot be shared by 5 processes"):
        require_work(SearchSettings(samples=4), Ranks(rank=1, size=5))
    with pytest.raises(UsageError, match="samples = 1"):
        require_work(SearchSettings(method="single_path"), Ranks(rank=1, size=2))
    require_work(SearchSettings(samples=5), Ranks(rank=1, size=5))
    require_work(SearchSettings(samples="adaptive"), Ranks(rank=1, size=5))
