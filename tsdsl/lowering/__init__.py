"""From networks to PyTorch.

`run` interprets a network; `model` and `supernet` hold its weights. `slices` finds the part of the shared weights that
an architecture uses; `accumulator` and `sliced_sgd` train those parts. `weights` reads and writes files. `ops` says
what each layer means; `kernels` makes some of them faster.
"""

from tsdsl.lowering.accumulator import WeightedGradients
from tsdsl.lowering.initialisation import ParameterKind, parameter_kinds
from tsdsl.lowering.model import Model, recalibrate
from tsdsl.lowering.sliced_sgd import dense_step, sliced_step
from tsdsl.lowering.supernet import Leaves, Supernet, extract
from tsdsl.lowering.weights import load_weights, read_weights_architecture, save_model

__all__ = [
    "Leaves",
    "Model",
    "ParameterKind",
    "Supernet",
    "WeightedGradients",
    "dense_step",
    "extract",
    "load_weights",
    "parameter_kinds",
    "read_weights_architecture",
    "recalibrate",
    "save_model",
    "sliced_step",
]
