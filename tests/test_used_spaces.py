"""Random spaces that use the whole language, in use (`benchmarks/used_spaces.py` takes many)."""

from __future__ import annotations

import pytest

from support.small_spaces import random_text
from support.space_uses import uses

MAX_ARCHITECTURES = 600


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "formats"), [(2, ()), pytest.param(4, ("pt2", "onnx"), marks=pytest.mark.nightly)])
def test_a_random_space_is_right_in_use(seed: int, formats: tuple[str, ...]) -> None:
    text = random_text(seed, MAX_ARCHITECTURES, is_rich=True)
    assert {name for name, holds in uses(text, seed, formats) if not holds} == set()
