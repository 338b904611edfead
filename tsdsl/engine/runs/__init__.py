"""The folder of a run and what keeps it whole: `directory`, `checkpoint`, `metrics`, `progress`, and the
`catalogue` of all runs in a folder.
"""
