"""Models scale a space: frames, depth and width; published families come out of one file to the last digit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

import tsdsl
from tsdsl.analysis.questions.summary import network_report
from tsdsl.check.check import check
from tsdsl.network.cost import node_costs
from tsdsl.network.layout import UNSCALED, Blueprint, Network
from tsdsl.operators.layers import BatchNorm
from tsdsl.operators.varying import fixed
from tsdsl.source import SourceFile
from tsdsl.space.parts import Scale

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
    assert "`slow` would get 1.5" in found.message


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
    report = network_report(Blueprint(space, scale=replace(scale, size=size)).network({}))
    digits = len(expected.partition(".")[2])
    assert f"{report['flops'] / 1e9:.{digits}f}" == expected


def test_the_scale_of_a_model_in_a_record_knows_its_frames() -> None:
    assert TypeAdapter(Scale).validate_json('{"name": "M", "frames": 8}').frames == 8
    with pytest.raises(ValidationError, match="height"):
        TypeAdapter(Scale).validate_json('{"name": "M", "height": 8}')


def report_of(file: str, name: str | None = None, model: str | None = None) -> dict[str, Any]:
    space = tsdsl.load(f"std:{file}", name)
    scales = {scale.name: scale for scale in space.models}
    return network_report(Blueprint(space, scale=scales[model] if model else UNSCALED).network({}))


def test_slowfast_4x16_has_the_published_sizes() -> None:
    report = report_of("slowfast", model="test")
    assert report["params"] == 34_480_216
    assert report["params_without_norm"] == 34_419_528
    assert f"{report['flops'] / 1e9:.4f}" == "36.0992"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("slowfast_no_lateral", "34.16"),
        ("slowfast_time_to_channel_sum", "34.16"),
        ("slowfast_time_strided_sample", "34.87"),
        ("slowfast_time_to_channel", "39.86"),
        ("slowfast", "36.10"),
    ],
)
def test_the_lateral_connections_of_slowfast_cost_what_the_paper_says(name: str, expected: str) -> None:
    assert f"{report_of('slowfast', name, 'test')['flops'] / 1e9:.2f}" == expected


@pytest.mark.parametrize(
    ("name", "params"),
    [("slowfast_8x8", "34.57"), ("slowfast_r101_8x8", "62.83")],  # pytorchvideo's model zoo, in millions
)
def test_the_larger_slowfast_networks_have_the_published_parameters(name: str, params: str) -> None:
    assert f"{report_of('slowfast', name)['params'] / 1e6:.2f}" == params


@pytest.mark.parametrize(
    ("file", "name", "printed"),
    [
        ("single_stream", "c2d", "25.89"),
        ("single_stream", "i3d", "37.53"),
        ("slowfast", "slowfast", "36.69"),
        ("slowfast", "slowfast_r101_8x8", "127.20"),
    ],
)
def test_pytorchvideo_prints_five_more_for_each_output_of_a_bn(file: str, name: str, printed: str) -> None:
    space = tsdsl.load(f"std:{file}", name)
    network = Blueprint(space, scale=space.models[0]).network({})
    layers = [found for node in network.nodes for found in node_costs(node)]
    outputs = sum(fixed(layer.width.channels) * at.positions for layer, at, _ in layers if isinstance(layer, BatchNorm))
    assert within((plain_cost(network)[0] + 5 * outputs) / 1e9, float(printed), 0.0002)


@pytest.mark.parametrize(
    ("name", "giga", "mega_params"),
    [("c2d", None, "24.33"), ("slow", "54.52", "32.45"), ("i3d", None, "28.04"), ("r2plus1d", None, "28.11")],
)
def test_single_stream_networks_have_the_published_sizes(name: str, giga: str | None, mega_params: str) -> None:
    report = report_of("single_stream", name, "test")
    assert f"{report['params'] / 1e6:.2f}" == mega_params
    assert giga is None or f"{report['flops'] / 1e9:.2f}" == giga


@pytest.mark.parametrize(
    ("name", "giga", "mega_params"),
    [("r3d", "40.70", "33.37"), ("mc3", "43.34", "11.70")],  # of torchvision
)
def test_the_networks_of_18_layers_have_the_published_sizes(name: str, giga: str, mega_params: str) -> None:
    report = report_of("r3d", name)
    assert (f"{report['flops'] / 1e9:.2f}", f"{report['params'] / 1e6:.2f}") == (giga, mega_params)


def within(value: float, printed: float, share: float) -> bool:
    return abs(value / printed - 1) <= share


def test_manual_tsnet_70_has_the_sizes_that_the_paper_prints() -> None:
    report = report_of("manual_tsnet")
    assert within(report["params"], 7.71e6, 0.005)
    assert within(report["flops"], 2.03e9, 0.005)
    for model, printed in (("S", 2.8e9), ("M", 5.2e9), ("L", 18.1e9)):
        assert within(report_of("manual_tsnet", model=model)["flops"], printed, 0.02)
    assert within(report_of("manual_tsnet", model="L")["params"], 12.2e6, 0.02)


@pytest.mark.parametrize(("name", "share"), [("_85", 0.85), ("", 0.70), ("_55", 0.55)])
def test_manual_tsnet_gives_the_sparse_stream_its_share(name: str, share: float) -> None:
    report = report_of("manual_tsnet", f"manual_tsnet{name}")
    streams = {
        stream: sum(part["flops"] for part in report["parts"] if part["name"].startswith(stream))
        for stream in ("sparse", "dense")
    }
    assert abs(streams["sparse"] / sum(streams.values()) - share) < 0.02
    assert within(report["flops"], 2.03e9, 0.006)


@pytest.mark.parametrize(("name", "places"), [("_fusion_0", 0), ("", 5), ("_fusion_10", 10)])
def test_manual_tsnet_fuses_at_so_many_places(name: str, places: int) -> None:
    assert len(tsdsl.load("std:manual_tsnet", f"manual_tsnet{name}").fusions) == places


@pytest.mark.parametrize("places", [2, 4, 6])
def test_glore_adds_its_closed_form_at_every_place(places: int) -> None:
    plain = tsdsl.load("std:manual_tsnet")
    space = tsdsl.load("std:manual_tsnet", f"manual_tsnet_glore_{places}")
    assert len(space.attentions) == places
    before, after = Blueprint(plain).network({}), Blueprint(space).network({})
    macs = params = 0
    for slot in space.attentions:
        shape = after.by_name[slot.path].shape
        more = glore(int(shape.channels), shape.positions)  # type: ignore[call-overload]
        macs, params = macs + more[0], params + more[1]
    found = [b - a for a, b in zip(plain_cost(before), plain_cost(after), strict=True)]
    assert found == [macs, params]


def plain_cost(network: Network) -> tuple[int, int]:
    report = network_report(network)
    return report["flops"], report["params"]


def glore(channels: int, positions: int) -> tuple[int, int]:
    """Multiply-adds and parameters by the unit's definition, N = C nodes of S = 2N states, its BN included."""
    c, n, s, p = channels, channels, 2 * channels, positions
    macs = p * (2 * c * s + c * n) + 2 * p * s * n + n * n * s + s * s * n
    return macs, 2 * c * s + c * n + n * n + s * s + s + 2 * n + 2 * c


@pytest.mark.parametrize(("size", "printed_giga"), [(160, 0.41), (182, 0.6), (256, 0.9), (356, 1.8)])
def test_two_glore_units_at_stage_3_of_an_auto_tsnet_add_what_the_paper_prints(
    size: int, printed_giga: float, auto_tsnet: tsdsl.Space
) -> None:
    # 176 channels of the sparse stream and 32 sampled from the dense one make the paper's 208.
    lowest = {decision.path: decision.values[0] for decision in auto_tsnet.decisions}
    lowest |= {path: "none" for path in lowest if path.endswith(".op")}
    for group in (2, 4):
        lowest[f"sparse.stage3.group{group}.channels"] = 176
        lowest[f"dense.stage3.group{group}.channels"] = 32
        lowest[f"fusion.stage3.group{group}.op"] = "time_strided_sample"
    units = {f"attention.sparse.stage3.group{group}.op": "glore" for group in (2, 4)}
    blueprint = Blueprint(auto_tsnet, scale=Scale(name="sized", size=size))
    before = plain_cost(blueprint.network(lowest))
    after = plain_cost(blueprint.network(lowest | units))
    added_macs, added_params = (b - a for a, b in zip(before, after, strict=True))
    assert within(added_macs / 1e9, printed_giga, 0.08 if size == 182 else 0.03)
    assert f"{added_params / 1e6:.2f}" == "0.87"
    assert (added_macs, added_params) == tuple(2 * one for one in glore(208, 4 * (-(-size // 16)) ** 2))
