"""The HTML page of a run: `run` collects the parts from what the run recorded, `page` and `style` make one file of
them, and `alpha_film` shows the probabilities epoch by epoch.
"""
