"""Training one architecture: `step` makes one step of the
`optimiser` at the rate of the `schedule`, `train` runs it all, and `record` says what came out.
"""
