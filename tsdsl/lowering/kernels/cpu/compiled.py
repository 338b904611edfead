"""Compiles kernels with numba, keeps them on disk, and runs them on as many threads as torch uses.

A kernel is a C function of two integers: the address of its numbers, a named tuple whose fields it reads with
`fields_at`, and which of its jobs to do. Each thread takes jobs until none are left; results do not depend on which
thread takes a job. Threads are those of torch's own OpenMP, so that no second pool competes with them for the
processor.

numba keeps compiled kernels beside the module that defines them, or in the user's cache where that is read-only,
by the processor's model, and replaces files in one move, so that several processes may compile at once.
"""

from __future__ import annotations

import ctypes
import functools
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from numba import cfunc, int64, njit, void

from tsdsl.lowering.kernels.cpu.vectors import NUMBER_BYTES, call_kernel, number_at, take_number

TAKEN, JOBS, KERNEL = -3, -2, -1
"""What lies before the numbers of a kernel: the jobs taken, the number of jobs, and the address of the kernel."""


def compile_kernel(function: Callable[..., None], arguments: int = 2) -> Any:
    """The kernel from disk, or compiled."""
    signature = void(*[int64] * arguments)
    try:
        return cfunc(signature, cache=True, error_model="numpy")(function)
    except RuntimeError as error:
        # numba says so where no disk takes a file.
        if "cannot cache" not in str(error):
            raise
        return cfunc(signature, error_model="numpy")(function)


@functools.cache
def version() -> int:
    """A number for the content of the modules of vectors, which kernels pass to `fields_at`.

    numba notices changes of a kernel's own module and of the numbers in its closure only.
    """
    return zlib.crc32(b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*vectors.py"))))


def jobs_of(parts: int) -> int:
    """The number of jobs for so many equal parts: one for each thread."""
    return max(1, min(torch.get_num_threads(), parts))


def run_kernel(kernel: Any, jobs: int, numbers: Sequence[int]) -> None:
    """Do all jobs of a kernel."""
    array = (ctypes.c_int64 * (len(numbers) - TAKEN))(0, jobs, kernel.address, *numbers)
    address = ctypes.addressof(array) - TAKEN * NUMBER_BYTES
    parallel = _parallel() if jobs > 1 else None
    if parallel is None:
        for job in range(jobs):
            kernel.ctypes(address, job)
    else:
        parallel(ctypes.c_void_p(_job_taker(version()).address), ctypes.c_void_p(address), jobs, 0)


@njit(inline="always")
def share_of(numbers, job, parts):
    """The first of a job's share of `parts`, and the first of the next job's share."""
    jobs = number_at(numbers, JOBS)
    return job * parts // jobs, (job + 1) * parts // jobs


@functools.cache
def _job_taker(version: int) -> Any:
    def take_jobs(numbers):
        jobs = number_at(numbers, JOBS)
        job = take_number(numbers, TAKEN)
        while version and job < jobs:
            call_kernel(number_at(numbers, KERNEL), numbers, job)
            job = take_number(numbers, TAKEN)

    return compile_kernel(take_jobs, 1)


@functools.cache
def _parallel() -> Any:
    """OpenMP's function that runs another on some threads, from the library that torch itself uses; None without."""
    for library in sorted(Path(torch.__file__).parent.glob("lib/libtorch_cpu.*")):
        try:
            return ctypes.CDLL(str(library)).GOMP_parallel
        except (OSError, AttributeError):
            continue
    return None
