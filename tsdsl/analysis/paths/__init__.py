"""Counting over a trellis: the tables become stages of edges, so that an architecture is a path. `trellis` builds it,
`constrained` and `feasible` restrict it, `semiring` and `arithmetic` fold it, `histogram` spreads it over costs.
"""
