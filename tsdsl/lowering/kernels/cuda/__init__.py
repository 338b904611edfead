"""Kernels for CUDA, written in Triton."""
