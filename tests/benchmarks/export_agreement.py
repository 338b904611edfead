"""How well exports agree: sampled architectures of several spaces in every format, with batches of 1 and 3.

    python tests/benchmarks/export_agreement.py [--architectures 10] [--first 1] [--models S,M] [--size 96] [SPACE ...]

Each model is exported after BN's statistics were set from random clips, so that scores are not vanishing, and compared
in batches of 1 and 3 clips. A line tells the largest difference of the scores in each format: Python, .pt2 and the
ONNX graph in double precision, then onnxruntime in float32; how far our own float32 scores and onnxruntime's are from
double precision; and the largest score. `--first` goes on from a number, so that a long run may be done in parts.
"""

from __future__ import annotations

import argparse
import platform
from dataclasses import replace
from importlib.metadata import version

import torch
from onnx_in_double import in_double

from tsdsl.analysis.questions.sampling import sample_architectures
from tsdsl.check.load import load
from tsdsl.exporting import export_onnx, export_pt2, verify_export, verify_onnx, verify_pt2
from tsdsl.exporting.agreement import Agreement, agreement
from tsdsl.exporting.provenance import Provenance, export_with_provenance
from tsdsl.lowering import Model, recalibrate
from tsdsl.network.layout import Blueprint
from tsdsl.space.architecture import Architecture
from tsdsl.space.model import Space
from tsdsl.space.parts import Scale

SPACES = ("std:auto_tsnet", "std:tiny", "examples/three_streams.tsspace")


def main() -> None:
    """Print a line for each architecture, and at the end the worst difference of each format."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spaces", nargs="*", default=SPACES)
    parser.add_argument("--architectures", type=int, default=10, help="the last one's number in each space")
    parser.add_argument("--first", type=int, default=1, help="the first one's number in each space")
    parser.add_argument("--models", default="", help="names of the space's models; default: as it is")
    parser.add_argument("--size", type=int, help="rows and columns of the clips; default: the space's or model's")
    arguments = parser.parse_args()
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "onnx", "onnxscript", "onnxruntime"))
    print(f"{platform.machine()}, {torch.get_num_threads()} threads, Python {platform.python_version()}, {packages}")
    formats = "".join(f"{name:>10}" for name in ("python", "pt2", "graph", "onnx"))
    print(f"{'space':<20}{'number':>7}{formats}{'off: ours':>12}{'onnx':>9}{'score':>8}")
    worst: dict[str, float] = {}
    for name in arguments.spaces:
        space = load(name)
        number = arguments.architectures if space.decisions else 1
        scales = [scale for scale in space.models if scale.name in arguments.models.split(",")] or [Scale(name="")]
        for index, architecture in enumerate(sample_architectures(space, number, seed=0), 1):
            if index < arguments.first:
                continue
            for scale in scales:
                scale = replace(scale, size=arguments.size or scale.size)
                found = exported(space, architecture, scale)
                onnx = found["onnx"]
                shown = "".join(f"{item.difference:>10.1e}" for item in found.values())
                distances = f"{onnx.rounding:>12.1e}{onnx.exported_rounding:>9.1e}"
                label = f"{space.name} {scale.name}".strip() + (f" {arguments.size} px" if arguments.size else "")
                print(f"{label:<20}{index:>7}{shown}{distances}{onnx.largest_score:>8.3f}", flush=True)
                assert all(item.holds for item in found.values()), label
                for format, item in found.items():
                    worst[format] = max(worst.get(format, 0.0), item.difference)
    print("worst:", ", ".join(f"{format} {difference:.1e}" for format, difference in worst.items()))


def exported(space: Space, architecture: Architecture, scale: Scale) -> dict[str, Agreement]:
    """The agreement of each format."""
    network = Blueprint(space, scale=scale).network(architecture.decisions, architecture.step)
    model = Model(network, seed=0)
    generator = torch.Generator().manual_seed(0)
    recalibrate(model, [torch.randn(2, 3, network.frames, network.size, network.size, generator=generator)])
    provenance = Provenance(architecture=architecture, scale=scale, classes=network.classes)
    content = export_onnx(model, provenance)
    return {
        "python": verify_export(export_with_provenance(space, provenance), model),
        "pt2": verify_pt2(export_pt2(model, provenance), model),
        "graph": agreement(model, in_double(content)),
        "onnx": verify_onnx(content, model),
    }


if __name__ == "__main__":
    main()
