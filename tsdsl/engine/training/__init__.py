"""Trains one architecture: `step` makes one step of the `optimiser` at the rate of the `schedule`, `train` runs all
steps, `record` keeps the result, and `together` trains several architectures at once.
"""
