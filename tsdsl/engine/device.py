"""Chooses the device, and describes the environment of a run."""

from __future__ import annotations

import os
import platform
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import PackageNotFoundError, version

import torch

from tsdsl.engine.ranks.ranks import launched_ranks
from tsdsl.errors import UsageError
from tsdsl.lowering.kernels.choice import kernels_of

RECORDED_PACKAGES = ("tsdsl", "torch", "numpy", "av", "safetensors")


def available_devices() -> tuple[str, ...]:
    """The names that `choose_device` accepts on this machine, best first, without `auto`."""
    cuda = tuple(f"cuda:{index}" for index in range(torch.cuda.device_count()))
    mps = ("mps",) if torch.backends.mps.is_available() else ()
    return (*cuda, *mps, "cpu")


def choose_device(name: str = "auto") -> torch.device:
    """The device of a name: `cpu`, `cuda` (the first), `cuda:1`, `mps`, or `auto` for the best.

    Under torchrun, `auto` and `cuda` are the GPU of this process.

    Raises:
        UsageError: the device is not available, or several processes would share it; the help lists available ones.
    """
    present = available_devices()
    _, size, local_rank = launched_ranks()
    if size > 1 and name.startswith("cuda:"):
        raise UsageError(f"{size} processes cannot share device {name!r}", help="give cuda, cpu or auto")
    first = f"cuda:{local_rank}"
    wanted = {"auto": first if present[0].startswith("cuda") else present[0], "cuda": first}.get(name, name)
    if wanted not in present:
        raise UsageError(f"device {name!r} is not available", help=f"available here: auto, {', '.join(present)}")
    return torch.device(wanted)


def autocast(device: torch.device, enabled: bool = True) -> AbstractContextManager[object]:
    """bfloat16 arithmetic on CUDA; no effect elsewhere."""
    if enabled and device.type == "cuda":
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()


def device_name(device: torch.device) -> str:
    """The product name of the device if known, such as `NVIDIA H100 80GB HBM3`."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} ({platform.machine()}, {os.cpu_count()} cores)"


def environment(device: torch.device | None = None) -> dict[str, str]:
    """The environment for the record of a run: versions, platform, device."""
    record = {"python": platform.python_version(), "platform": platform.platform()}
    record |= {package: package_version(package) for package in RECORDED_PACKAGES}
    if torch.version.cuda is not None:
        record["cuda"] = torch.version.cuda
    used = device or choose_device("auto")
    record["device"] = device_name(used)
    record["depthwise_kernels"] = kernels_of(used.type)
    record["threads"] = str(torch.get_num_threads())
    return record


def package_version(package: str) -> str:
    """The installed version, or `not installed`."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
