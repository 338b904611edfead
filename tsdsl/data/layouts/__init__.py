"""The folder of a data set to labelled clips: one module reads each layout, `list_lines` the lines of lists.

`records` says what clips are, `description` what `dataset.json` may say, and `files` finds files.
"""
