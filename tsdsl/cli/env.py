"""`tsdsl env`: what a report of a fault should say of the machine."""

from __future__ import annotations

from tsdsl.cli.options import Json
from tsdsl.cli.work.console import facts, print_json

OPTIONAL_PACKAGES = ("lark", "numba", "triton", "graphviz", "onnx", "onnxruntime", "tensorboard")


def env(json: Json = False) -> None:
    """Print versions, devices and the compiled kernels in use, for reports of faults."""
    import torch

    from tsdsl.engine.device import available_devices, environment, package_version
    from tsdsl.processes import available_cores

    found = {
        **environment(),
        **{package: package_version(package) for package in OPTIONAL_PACKAGES},
        "processor": f"{available_cores()} cores to use, {torch.backends.cpu.get_cpu_capability()}",
        "devices": ", ".join(available_devices()),
    }
    if json:
        print_json(found)
        return
    width = max(map(len, found))
    for name, value in found.items():
        facts().print(f"{name.replace('_', ' '):{width}}  {value}", soft_wrap=True)
