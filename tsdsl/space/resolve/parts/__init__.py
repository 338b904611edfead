"""The parts of a space, resolved: `values` and `literals`, then `streams` and their `groups`, `selectors` and the
`places` they match, `slots` and their `alternatives`, `steps`, and `requires`.
"""
