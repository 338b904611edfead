"""Kernels for the CPU, compiled by numba: each family has its kernels and, in `*_vectors`, its inner loops."""
