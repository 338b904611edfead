"""The engine: optimise, evaluate, checkpoint."""
