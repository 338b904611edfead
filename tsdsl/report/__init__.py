"""Writes the HTML report of a run.

`run` reads the records of a run and assembles the sections of `search_parts`, `training_parts`, `quickstart` and
`landscape`; `chart` and `alpha_film` draw; `page` and `style` make one HTML file.
"""
