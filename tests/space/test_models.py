"""Models scale a space: frames, depth and width; published families come out of one file to the last digit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tsdsl
from tsdsl.analysis.check import check
from tsdsl.analysis.network import Blueprint, Network
from tsdsl.analysis.report import network_report
from tsdsl.source import SourceFile
from tsdsl.space.model import Scale

SPACES = Path(__file__).parents[2] / "spaces"

TWO_STREAMS = """tsspace 1

space s {{
  classes = 5
  size    = 32
  stream slow {{
    frames = 4
    stage 0 {{
      group conv3d(kernel = 1x3x3, channels = 8, stride = 2)
      group conv3d(kernel = 1x3x3, channels = 8){repeat}
    }}
  }}
  stream fast {{
    frames = 16
    stage 0 {{ group conv3d(kernel = 1x3x3, channels = 4, stride = 2) }}
  }}
  model M {{ {model} }}
}}
"""


def scaled(model: str, repeat: str = "") -> Network:
    checked = check(SourceFile("x", TWO_STREAMS.format(model=model, repeat=repeat)))
    assert checked.diagnostics == ()
    space = checked.spaces[0].space
    return Blueprint(space, scale=space.models[0]).network({})


def frames(network: Network) -> dict[str, int]:
    return {node.part: node.shape.frames for node in network.nodes if node.kind == "input"}


def blocks(network: Network) -> int:
    return len(network.by_name["slow.stage0.group2"].blocks)


def test_frames_of_a_model_are_those_of_the_stream_that_sees_most() -> None:
    network = scaled("frames = 32")
    assert frames(network) == {"slow": 8, "fast": 32}
    assert network.frames == 32


def test_frames_without_the_stream_that_sees_most_keep_the_others_share() -> None:
    network = scaled("frames = 32 without = fast")
    assert frames(network) == {"slow": 8}
    assert network.frames == 8


def test_frames_that_leave_a_stream_a_fraction_are_an_error() -> None:
    (found,) = check(SourceFile("x", TWO_STREAMS.format(model="frames = 6", repeat=""))).diagnostics
    assert (found.code, found.help) == ("TS303", "use a multiple of 4")
    assert "`slow` would see 1.5" in found.message


@pytest.mark.parametrize(("repeat", "expected"), [("", 1), (" * 1", 3), (" * 5", 11)])
def test_depth_multiplies_written_repeats_and_rounds_up(repeat: str, expected: int) -> None:
    assert blocks(scaled("depth = 2.2x", repeat)) == expected


def test_a_written_repeat_of_one_is_the_same_space() -> None:
    one, other = (
        check(SourceFile("x", TWO_STREAMS.format(model="size = 64", repeat=repeat))).spaces[0].space
        for repeat in ("", " * 1")
    )
    assert one.fingerprint == other.fingerprint


X3D = {
    # Published: pytorchvideo's modules, counted; XL's parameters are in X3D's Table 4 as 11.0M.
    "XS": (605_256_512, 3_794_274, 3_762_858),
    "S": (1_962_892_112, 3_794_274, 3_762_858),
    "M": (4_732_468_736, 3_794_274, 3_762_858),
    "L": (18_367_710_176, 6_153_384, 6_087_120),
    "XL": (35_837_627_616, 11_095_840, 11_000_260),
}


@pytest.mark.parametrize("name", X3D)
def test_x3d_has_the_published_sizes(name: str) -> None:
    space = tsdsl.load("std:x3d")
    (scale,) = (model for model in space.models if model.name == name)
    report = network_report(Blueprint(space, scale=scale).network({}))
    assert (report["flops"], report["params"], report["params_without_norm"]) == X3D[name]


def test_x3d_s_has_the_published_parameters_in_each_part() -> None:
    space = tsdsl.load("std:x3d")
    report = network_report(Blueprint(space, scale=space.models[0]).network({}))
    parts = [part["params"] for part in report["parts"]]
    assert parts == [816, 15_370, 73_248, 569_256, 1_347_440, 1_788_144]


@pytest.mark.parametrize(("name", "size", "expected"), [("S", 182, "2.7219"), ("M", 256, "6.181")])
def test_x3d_at_test_size_has_the_published_multiply_adds(name: str, size: int, expected: str) -> None:
    space = tsdsl.load("std:x3d")
    (scale,) = (model for model in space.models if model.name == name)
    report = network_report(Blueprint(space, scale=scale.model_copy(update={"size": size})).network({}))
    digits = len(expected.partition(".")[2])
    assert f"{report['flops'] / 1e9:.{digits}f}" == expected


def test_the_scale_of_a_model_written_in_json_knows_its_frames() -> None:
    assert Scale.model_validate_json('{"name": "M", "frames": 8}').frames == 8


def slowfast(replacements: dict[str, str], model: str) -> dict[str, Any]:
    text = (SPACES / "slowfast.tsspace").read_text(encoding="utf-8")
    for old, new in replacements.items():
        assert old in text
        text = text.replace(old, new)
    space = check(SourceFile("x", text)).spaces[0].space
    (scale,) = (one for one in space.models if one.name == model)
    return network_report(Blueprint(space, scale=scale).network({}))


def test_slowfast_4x16_has_the_published_sizes() -> None:
    report = slowfast({}, "test")
    assert report["params"] == 34_480_216
    assert report["params_without_norm"] == 34_419_528
    assert f"{report['flops'] / 1e9:.4f}" == "36.0992"


@pytest.mark.parametrize(
    ("fusion", "expected"),
    [
        ("none", "34.16"),
        ("time_to_channel merge = sum", "34.16"),
        ("time_strided_sample", "34.87"),
        ("time_to_channel", "39.86"),
        ("time_strided_conv(kernel = 5x1x1)", "36.10"),
    ],
)
def test_the_lateral_connections_of_slowfast_cost_what_the_paper_says(fusion: str, expected: str) -> None:
    report = slowfast({"time_strided_conv(kernel = 5x1x1)": fusion}, "test")
    assert f"{report['flops'] / 1e9:.2f}" == expected


def test_slowfast_8x8_has_the_published_sizes() -> None:
    report = slowfast({"frames = 4": "frames = 8", "5x1x1": "7x1x1"}, "test")
    assert f"{report['flops'] / 1e9:.2f} {report['params'] / 1e6:.2f}" == "65.71 34.57"


def test_slowfast_101_has_the_published_parameters() -> None:
    report = slowfast({"frames = 4": "frames = 8", ") * 6": ") * 23"}, "test")
    assert f"{report['params'] / 1e6:.2f}" == "62.83"
