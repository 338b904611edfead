"""Fixtures shared by all tests: the shipped spaces."""

from __future__ import annotations

from pathlib import Path

import pytest

import tsdsl

SPACES = Path(__file__).parent.parent / "spaces"


@pytest.fixture(scope="session")
def auto_tsnet() -> tsdsl.Space:
    """The Auto-TSNet space."""
    return tsdsl.load(SPACES / "auto_tsnet.tsspace")


@pytest.fixture(scope="session")
def tiny() -> tsdsl.Space:
    """The small space of the quickstart."""
    return tsdsl.load(SPACES / "tiny.tsspace")
