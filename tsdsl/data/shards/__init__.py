"""Data sets as WebDataset tar shards, in a folder or at URLs, read by ranges of bytes.

In processing order: `storage` reads ranges of files and URLs, `tar` finds the files in a shard, `samples` groups them
to clips with classes, `index` keeps where they are, `layout` makes records of a split, and `write` packs a data set.
"""
