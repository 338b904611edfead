"""How the picture of a frame must be turned and mirrored to be shown, as its display matrix says."""

from __future__ import annotations

from typing import Any

import av.sidedata.sidedata
import numpy as np
from numpy.typing import NDArray

MATRIX = av.sidedata.sidedata.Type.DISPLAYMATRIX


def turns_of(frame: Any) -> int:
    """Quarter turns counter-clockwise, 0 to 3, after mirroring. An angle between is taken for the nearest one."""
    turns: int = round(frame.rotation / 90)
    # PyAV gives the angle of a matrix without mirroring: of one with it, it is half a turn more.
    return (turns + 2 * is_mirrored(frame)) % 4


def is_mirrored(frame: Any) -> bool:
    """Whether left and right are exchanged before the picture is turned, as in some recordings of front cameras."""
    matrix = frame.side_data.get(MATRIX)
    if matrix is None:
        return False
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32, 5).tolist()
    return bool(a * d < b * c)


def upright(frame: Any, image: NDArray[Any]) -> NDArray[Any]:
    """An image of a frame (H, W, ...), or one of its planes, mirrored and turned; a view."""
    return np.rot90(image[:, ::-1] if is_mirrored(frame) else image, turns_of(frame))
