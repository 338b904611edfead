"""Data sets as commands use them: `open` recognises a layout and reads a split, `selection` and `validation` choose a
part, `class_names` matches classes with those of a model, `concerns` says what is unusual.
"""
