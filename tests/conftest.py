"""Fixtures shared by all tests: the shipped spaces, and the networks that pytorchvideo builds."""

from __future__ import annotations

import importlib.util
import sys
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tsdsl
from support.handmade_spaces import Draw, draw_decisions, make_space
from tsdsl.check import check
from tsdsl.check.subject import Subject
from tsdsl.diagnostics import Diagnostic
from tsdsl.network import layout
from tsdsl.network.layout import Blueprint
from tsdsl.network.spec import problems

SPACES = Path(__file__).parent.parent / "spaces"


@pytest.fixture(scope="session", autouse=True)
def every_network_is_well_formed() -> Iterator[None]:
    """Checks each network that a test lays out against the rules of `tsdsl.network.spec`.

    Only the passes of `check` lay out networks that may be wrong: they report what is.
    """
    lay_out, run_passes = layout._Layout.network, check.run_passes
    checking: list[Subject] = []

    def checked(self: layout._Layout) -> layout.Network:
        network = lay_out(self)
        assert checking or problems(network, self.space) == []
        return network

    def while_checking(subject: Subject) -> list[Diagnostic]:
        checking.append(subject)
        try:
            return run_passes(subject)
        finally:
            checking.pop()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout._Layout, "network", checked)
        patch.setattr(check, "run_passes", while_checking)
        yield


@pytest.fixture(scope="session")
def auto_tsnet() -> tsdsl.Space:
    """The Auto-TSNet space."""
    return tsdsl.load(SPACES / "auto_tsnet.tsspace")


@pytest.fixture(scope="session")
def tiny() -> tsdsl.Space:
    """The small space of the quickstart."""
    return tsdsl.load(SPACES / "tiny.tsspace")


@pytest.fixture(scope="session")
def reference() -> Iterator[types.SimpleNamespace]:
    """pytorchvideo's builders. It imports torchvision for detection alone, which stands empty where it is missing."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if importlib.util.find_spec("torchvision") is None:
            detection: Any = types.ModuleType("torchvision.ops")
            detection.RoIAlign = object
            package: Any = types.ModuleType("torchvision")
            package.ops = detection
            patch.setitem(sys.modules, "torchvision", package)
            patch.setitem(sys.modules, "torchvision.ops", detection)
        from pytorchvideo.models.slowfast import create_slowfast
        from pytorchvideo.models.x3d import create_x3d

        yield types.SimpleNamespace(x3d=create_x3d, slowfast=create_slowfast)


@pytest.fixture
def x3d_s(reference: types.SimpleNamespace) -> dict[str, Any]:
    """The state dict of pytorchvideo's X3D-S with random weights."""
    return dict(reference.x3d(input_clip_length=13, input_crop_size=64, depth_factor=2.2).state_dict())


@pytest.fixture
def draw() -> Draw:
    return draw_decisions


@pytest.fixture(params=["concat", "sum"])
def small_space(request: pytest.FixtureRequest) -> tsdsl.Space:
    return make_space(request.param)


@pytest.fixture
def small_blueprint(small_space: tsdsl.Space) -> Blueprint:
    return Blueprint(small_space)
