"""Training one architecture: `recipe` holds the settings, `data` gives batches, `step` makes one step of the
`optimiser` at the rate of the `schedule`, `train` runs it all, and `record` says what came out.
"""
