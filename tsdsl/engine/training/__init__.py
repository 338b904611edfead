"""Trains one architecture: `step` makes one step of the `optimiser` at the rate of the `schedule`, `train` runs all
steps, and `record` keeps the result.
"""
