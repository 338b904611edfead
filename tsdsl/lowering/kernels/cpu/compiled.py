"""Compiles a kernel with numba, keeps it on disk, and runs it on as many threads as torch uses.

A kernel is a C function of one integer, the address of its numbers: a counter of jobs taken, how many jobs there
are, and what else it needs. It takes jobs until there are none. More than one thread are those of torch's own OpenMP,
so that no second pool competes with them for the processor.

numba keeps compiled kernels beside the module that defines them, or in the user's cache where that is read-only,
by the processor's model, and replaces files in one move, so that several processes may compile at once.
"""

from __future__ import annotations

import ctypes
import functools
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from numba import cfunc, int64, void

from tsdsl.lowering.kernels.cpu import vectors


def compile_kernel(function: Callable[[int], None]) -> Any:
    """The kernel from disk, or compiled."""
    try:
        return cfunc(void(int64), cache=True, error_model="numpy")(function)
    except RuntimeError as error:
        # numba's word for a disk that takes no file anywhere.
        if "cannot cache" not in str(error):
            raise
        return cfunc(void(int64), error_model="numpy")(function)


@functools.cache
def version() -> int:
    """Of the vectors' modules: numba sees changes of a kernel's own module and of the numbers in its closure alone."""
    return zlib.crc32(b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*vectors.py"))))


def jobs_of(parts: int) -> int:
    """How many jobs so many equal parts make: one a thread."""
    return max(1, min(torch.get_num_threads(), parts))


def run_kernel(kernel: Any, jobs: int, numbers: tuple[int, ...]) -> None:
    """Do all jobs of a kernel."""
    array = (ctypes.c_int64 * (vectors.FIRST + len(numbers)))(0, jobs, *numbers)
    parallel = _parallel() if jobs > 1 else None
    if parallel is None:
        kernel.ctypes(ctypes.addressof(array))
    else:
        parallel(ctypes.c_void_p(kernel.address), ctypes.c_void_p(ctypes.addressof(array)), jobs, 0)


@functools.cache
def _parallel() -> Any:
    """OpenMP's function that runs another on some threads, from the library that torch itself uses; None without."""
    for library in sorted(Path(torch.__file__).parent.glob("lib/libtorch_cpu.*")):
        try:
            return ctypes.CDLL(str(library)).GOMP_parallel
        except (OSError, AttributeError):
            continue
    return None
