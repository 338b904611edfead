"""Trains and evaluates models, in runs that survive a kill.

In processing order: `runs` keeps the files of a run, `ranks` joins several processes to one run, `training` trains one
architecture by a `recipe` on `training_data`, and `evaluation` measures a model over many views. `device` chooses the
device.
"""
