"""All diagnostics of a file: `check` parses and resolves it, then runs `PASSES` over each of its spaces.

A pass is a function of a `Subject`: `lint_shapes` looks at widths and sizes, `lint_requires` and `lint_dead_ends` at
constraints, `lint_budgets` at targets, `lint_idle_decisions` at choices without effect. `merge_duplicates` joins what
is reported several times, and `apply_fixes` makes the fixes and checks again.
"""
