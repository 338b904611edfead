"""Compiled kernels behind one door: `operators` registers them with torch and says where they can be used."""
