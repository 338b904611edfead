"""Compiled kernels behind one door: `choice` says whether one can be used, `operators` registers them with torch."""
