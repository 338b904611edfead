"""Everything that is wrong with a file: `check` runs the passes over its text and its spaces, and `apply_fixes` makes
the fixes and checks again.
"""
