"""Costs as sums of small tables: `group_tables` and `cost_table` make them, `free_space` says which decisions are left,
`constraints` adds `require`, and `elimination` finds exact optima over them.
"""
