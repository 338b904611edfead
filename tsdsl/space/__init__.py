"""The resolved search space: frozen data, names, decisions, steps, models.

`reading` gives its settings as numbers or as tables, `combinations` names choices at which something goes wrong.
"""
