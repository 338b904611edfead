"""The shipped networks beside published sizes, as rows of the documentation's tables and of tests.

Published: X3D's and SlowFast's own numbers are those of the PySlowFast and PyTorchVideo model zoos and of the
papers; Manual-TSNet's of the Auto-TSNet paper's Table 8 and section 5.3. None stands where nothing is published.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import tsdsl
from tsdsl.analysis.questions.summary import network_report
from tsdsl.check.check import check
from tsdsl.network.layout import UNSCALED, Blueprint
from tsdsl.source_files import read_source


@dataclass(frozen=True)
class Published:
    """One network: how it is named, the side at which it is counted, and what is printed elsewhere."""

    file: str
    space: str
    model: str | None = None
    size_px: int | None = None
    giga: str | None = None
    mega_params: str | None = None
    source: str = ""

    @property
    def command(self) -> str:
        """How a reader names it."""
        space = f" --space {self.space}" if self.space != self.file else ""
        return f"std:{self.file}{space}" + (f" --model {self.model}" if self.model else "")


NETWORKS = (
    Published("x3d", "x3d", "XS", None, "0.60", "3.8", "PySlowFast"),
    Published("x3d", "x3d", "S", None, "1.96", "3.8", "PySlowFast"),
    Published("x3d", "x3d", "S", 182, "2.7", "3.8", "X3D paper"),
    Published("x3d", "x3d", "M", None, "4.73", "3.8", "PySlowFast"),
    Published("x3d", "x3d", "M", 256, "6.2", "3.8", "X3D paper"),
    Published("x3d", "x3d", "L", None, "18.37", "6.2", "PySlowFast"),
    Published("x3d", "x3d", "XL", None, None, "11.0", "X3D paper"),
    Published("slowfast", "slowfast", "test", None, "36.1", "34.48", "SlowFast paper; PyTorchVideo"),
    Published("slowfast", "slowfast_no_lateral", "test", None, "34.2", None, "SlowFast paper"),
    Published("slowfast", "slowfast_time_to_channel_sum", "test", None, "34.2", None, "SlowFast paper"),
    Published("slowfast", "slowfast_time_to_channel", "test", None, "39.9", None, "SlowFast paper"),
    Published("slowfast", "slowfast_time_strided_sample", "test", None, "34.9", None, "SlowFast paper"),
    Published("slowfast", "slowfast_8x8", "test", None, "65.71", "34.57", "PyTorchVideo"),
    Published("slowfast", "slowfast_r101_8x8", "test", None, "127.20", "62.83", "PyTorchVideo"),
    Published("single_stream", "c2d", "test", None, "25.89", "24.33", "PyTorchVideo"),
    Published("single_stream", "slow", "test", None, "54.52", "32.45", "PyTorchVideo"),
    Published("single_stream", "i3d", "test", None, "37.53", "28.04", "PyTorchVideo"),
    Published("single_stream", "r2plus1d", "test", None, "76.45", "28.11", "PyTorchVideo"),
    Published("single_stream", "s3d", "test"),
    Published("single_stream", "tsn", None, None, None, "24.33", "mmaction2"),
    Published("single_stream", "i3d_strided", None, None, None, "28.04", "mmaction2"),
    Published("r3d", "r3d", None, None, "40.70", "33.37", "torchvision"),
    Published("r3d", "mc3", None, None, "43.34", "11.70", "torchvision"),
)
MANUAL = (
    Published("manual_tsnet", "manual_tsnet", None, None, "2.03", "7.71"),
    Published("manual_tsnet", "manual_tsnet", "S", None, "2.8", "7.7"),
    Published("manual_tsnet", "manual_tsnet", "M", None, "5.2", "7.7"),
    Published("manual_tsnet", "manual_tsnet", "L", None, "18.1", "12.2"),
    *(
        Published("manual_tsnet", f"manual_tsnet_{name}")
        for name in ("85", "55", "fusion_0", "fusion_10", "glore_2", "glore_4", "glore_6")
    ),
)


@cache
def spaces(file: str) -> dict[str, tsdsl.Space]:
    """The spaces of a shipped file by name."""
    return {resolved.space.name: resolved.space for resolved in check(read_source(f"std:{file}")).spaces}


def sizes(network: Published) -> tuple[int, int, int, int, int]:
    """Frames, side in pixels, multiply-adds, parameters, and parameters without BN, counted."""
    space = spaces(network.file)[network.space]
    scale = next((model for model in space.models if model.name == network.model), UNSCALED)
    if network.size_px is not None:
        scale = replace(scale, size=network.size_px)
    built = Blueprint(space, scale=scale).network({})
    report = network_report(built)
    return built.frames, built.size, report["flops"], report["params"], report["params_without_norm"]


def rows(networks: tuple[Published, ...], with_source: bool) -> Iterator[tuple[str, ...]]:
    """The cells of a table: what it is, what is counted here, what is printed elsewhere."""
    for network in networks:
        frames, size_px, macs, params, without_norm = sizes(network)
        printed = " ".join(
            filter(
                None,
                (
                    f"{network.giga} G" if network.giga else "",
                    f"{network.mega_params} M" if network.mega_params else "",
                ),
            )
        )
        yield (
            f"`{network.command}`",
            f"{frames} x {size_px}²",
            f"{macs:,}",
            f"{params:,}",
            f"{without_norm:,}",
            printed,
            *((network.source,) if with_source else ()),
        )
