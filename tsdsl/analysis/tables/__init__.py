"""Costs as sums of small tables: `group_costs` and `cost_table` make them, `free_space` says which decisions are left,
`constraints` adds `require`, and `elimination` and `extremes` find exact optima over them.
"""
