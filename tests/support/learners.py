"""A learner of one decision, and clips that only the right choice can tell apart."""

from __future__ import annotations

import torch

from tsdsl.data import Batch
from tsdsl.engine.ranks.ranks import ALONE, Ranks
from tsdsl.network.layout import Blueprint
from tsdsl.searching.budget.flops import step_flops
from tsdsl.searching.distribution.factorised import Distribution, step_variables
from tsdsl.searching.learning.learner import StepLearner
from tsdsl.searching.settings import SearchSettings
from tsdsl.space.model import Space

# Only a kernel that spans frames can tell a clip from the same clip played backwards.
ORDER = """tsspace 1
space order {
  classes = 2
  size = 8
  stream sparse {
    frames = 4
    stage 1 { group conv3d(kernel = {1x1x1, 3x1x1}, channels = {4, 8}, stride = 4) }
  }
  head { features = 8  dropout = 0.0 }
  step 1 "order" { search = sparse  target = 1 MFLOPs }
}
"""


def ramps(number: int, num_clips: int = 16) -> Batch:
    """Clips that grow brighter (class 1) or darker (class 0) by a step at a random time, as uint8."""
    draw = torch.Generator().manual_seed(number)
    labels_B = torch.randint(0, 2, (num_clips,), generator=draw)
    level_BT = torch.sort(torch.rand(num_clips, 4, generator=draw), dim=1).values
    level_BT = torch.where(labels_B[:, None] == 1, level_BT, level_BT.flip(1))
    clips_BCTHW = level_BT[:, None, :, None, None].expand(-1, 3, -1, 8, 8) * 255
    return Batch(clips_BCTHW.to(torch.uint8).contiguous(), labels_B, torch.arange(num_clips))


def learner(space: Space, target_macs: int | None = None, ranks: Ranks = ALONE, **changes: object) -> StepLearner:
    settings = SearchSettings.model_validate(
        {"method": "parsec", "samples": 4, "batch_size": 16, "alpha_lr": 0.1, "weight_lr": 3.0, **changes}
    )
    variables = step_variables(space, 1, {})
    flops = step_flops(Blueprint(space), 1, variables)
    distribution = Distribution.uniform(variables)
    return StepLearner(Blueprint(space), 1, distribution, flops, target_macs, settings, torch.device("cpu"), ranks)
