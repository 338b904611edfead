"""Networks to train by programs of one's own: the supernet of a space, and the model of one architecture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tsdsl.library.loading import load
from tsdsl.library.space import Space
from tsdsl.space import model as data
from tsdsl.space.parts import Value

if TYPE_CHECKING:
    from tsdsl.lowering import Model, Supernet
    from tsdsl.space.architecture import Architecture


def supernet(space: data.Space | str | Path, *, classes: int = 0, seed: int | None = None) -> Supernet:
    """The weight-sharing supernet of a space; `supernet(space)(clips, architecture)` gives class scores, B x K.

    `classes` is the number of classes of the data, the space's own unless given; clips are B x 3 x T x H x W, T the
    frames of the stream that sees most.

    Examples:
        >>> import torch, tsdsl
        >>> space = tsdsl.load("std:tiny")
        >>> tsdsl.supernet(space, classes=5)(torch.zeros(2, 3, 16, 48, 48), next(space.sample())).shape
        torch.Size([2, 5])
    """
    from tsdsl.lowering import Supernet
    from tsdsl.network.layout import Blueprint

    return Supernet(Blueprint(space_of(space), classes=classes), seed=seed)


def model(
    space: data.Space | str | Path,
    architecture: Architecture | Mapping[str, Value] | str | Path | None = None,
    *,
    scale: str | None = None,
    classes: int = 0,
    seed: int | None = None,
) -> Model:
    """The plain PyTorch model of one architecture, with fresh weights.

    `architecture` may be a file or a run; leave it out for a space without decisions. `scale` names one of the space's
    models, such as `L`.

    Examples:
        >>> import tsdsl
        >>> network = tsdsl.model("std:x3d", scale="S")
        >>> sum(weight.numel() for weight in network.parameters())
        3794274

    Raises:
        UsageError: the architecture is not one of the space, or there is no such model.
    """
    from tsdsl.artifacts.locate import find_scale
    from tsdsl.lowering import Model
    from tsdsl.network.layout import Blueprint

    space = space_of(space)
    found = space.architecture({} if architecture is None else architecture)
    blueprint = Blueprint(space, classes=classes, scale=find_scale(space, scale))
    return Model(blueprint.network(found.decisions, found.step), seed=seed)


def space_of(space: data.Space | str | Path) -> Space:
    """The space, loaded if it is a path."""
    return Space.of(space) if isinstance(space, data.Space) else load(space)
