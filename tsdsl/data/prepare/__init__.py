"""Whole data sets: `prepare` re-encodes one so that it decodes fast (`transcode`, `transcode_pool`), `verify` decodes
every file to find the bad ones.
"""
