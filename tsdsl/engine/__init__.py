"""The engine: trains and evaluates models, and keeps runs that survive a kill.

In processing order: `run_directory`, `checkpoint` and `metrics` keep a run; `device`, `randomness`, `schedule`,
`progress` and `interruption` are what every run needs; `ranks`, `shared_checkpoint` and `synchronised_norm` join
several processes to one run; `recipe` and `training_data` say what is trained how;
`train`, `training_step` and `validation` do it; `evaluate` measures a model over many views.
"""
