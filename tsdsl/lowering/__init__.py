"""From networks to PyTorch: models, supernets, weight files and exports."""

from tsdsl.lowering.accumulator import WeightedGradients
from tsdsl.lowering.export_onnx import export_onnx, verify_onnx
from tsdsl.lowering.export_pt2 import export_pt2, verify_pt2
from tsdsl.lowering.export_python import export_python, verify_export
from tsdsl.lowering.model import Model, recalibrate
from tsdsl.lowering.parameters import ParameterKind, parameter_kinds
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
    "export_onnx",
    "export_pt2",
    "export_python",
    "extract",
    "load_weights",
    "parameter_kinds",
    "read_weights_architecture",
    "recalibrate",
    "save_model",
    "sliced_step",
    "verify_export",
    "verify_onnx",
    "verify_pt2",
]
