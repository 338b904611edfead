"""Every space that `check` accepts can be used to the end, whatever its streams are called."""

from __future__ import annotations

import pytest

from support.accepted import accepted, renamed


@pytest.mark.slow
def test_twenty_random_spaces_with_hostile_names_are_used_to_the_end() -> None:
    taken = sum(accepted(renamed(seed)) for seed in range(20))
    assert taken >= 15  # a name may be one that the language refuses here
