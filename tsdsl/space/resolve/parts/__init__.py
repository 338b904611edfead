"""The parts of a space, resolved: `values` and `literals`, then `streams` and their `groups`, `slots` and their
`alternatives`, `sizes` of what flows between them, and `steps`.
"""
