"""Compares the scores of an exported model with those of the model it was made from.

Shapes: B clips, C channels, T frames, H rows, W columns, K classes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from tsdsl.errors import RunError
from tsdsl.lowering.model import Model

BATCHES = (1, 3)
TOLERANCE = 1e-5
LARGEST_SHARE = 1e-3
ROUNDINGS = 3


@dataclass(frozen=True, slots=True)
class Agreement:
    """The largest difference of two models' scores on random clips, and the largest score.

    If the comparison was not in double precision, `rounding` is the distance of the model's own scores from its scores
    in double precision, and `exported_rounding` that of the exported model's scores. A deep model with random weights
    loses 1e-5 of scores near 1 to float32, in any order of summation.
    """

    difference: float
    largest_score: float
    rounding: float = 0.0
    exported_rounding: float = 0.0

    @property
    def share(self) -> float:
        """The difference as a share of the largest score; 1 if all scores are zero, because they show nothing."""
        return self.difference / self.largest_score if self.largest_score > 0 else 1.0

    @property
    def holds(self) -> bool:
        """Whether scores up to 1 differ by at most 1e-5, and larger ones by as much in proportion.

        In float32 it also holds if the exported scores are about as near to those in double precision as ours. Scores
        near 0 are within 1e-5 of anything, so they must also agree to a thousandth of themselves.
        """
        is_near = self.difference <= TOLERANCE * max(1.0, self.largest_score)
        is_as_exact = self.rounding > 0 and self.exported_rounding <= ROUNDINGS * self.rounding
        return (is_near or is_as_exact) and self.share <= LARGEST_SHARE


def agreement(
    model: Model, exported: Callable[[Tensor], Tensor], dtype: torch.dtype = torch.float64, seed: int = 0
) -> Agreement:
    """Compares the scores B x K of `exported` and of `model` in evaluation mode, for batches of 1 and 3 clips.

    Clips are random, of type `dtype` and on the CPU; the model is moved there.
    """
    network = model.network
    exact = copy.deepcopy(model).cpu().double().eval()
    ours = exact if dtype == torch.float64 else copy.deepcopy(model).cpu().to(dtype).eval()
    generator = torch.Generator().manual_seed(seed)
    difference, largest, rounding, exported_rounding = 0.0, 0.0, 0.0, 0.0
    with torch.no_grad():
        for batch in BATCHES:
            sizes = (batch, 3, network.frames, network.size, network.size)
            clip_BCTHW = torch.randn(sizes, generator=generator, dtype=dtype)
            ours_BK = ours(clip_BCTHW)
            exported_BK = exported(clip_BCTHW)
            difference = max(difference, _largest(exported_BK - ours_BK))
            largest = max(largest, _largest(ours_BK))
            if ours is not exact:
                exact_BK = exact(clip_BCTHW.double())
                rounding = max(rounding, _largest(ours_BK - exact_BK))
                exported_rounding = max(exported_rounding, _largest(exported_BK - exact_BK))
    return Agreement(difference, largest, rounding, exported_rounding)


def _largest(values: Tensor) -> float:
    return float(values.abs().max())


def demand_agreement(found: Agreement) -> None:
    """Raise RunError unless the exported model agrees."""
    if not found.holds:
        raise RunError(
            f"scores of the exported model differ by {found.difference:.3g} from ours, whose largest is "
            f"{found.largest_score:.3g}; nothing was written",
            help="please report the space and the architecture",
        )
