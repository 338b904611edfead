"""Several processes as one run: `ranks` joins them, `interruption` ends them together, and `shared_checkpoint` and
`synchronised_norm` make the result independent of their number.
"""
