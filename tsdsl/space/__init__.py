"""The resolved search space: frozen data, names, decisions, steps, models."""
