"""Imported once by the servers that tests fork processes from: what each of these would import, compile and load."""

from __future__ import annotations

import torch
import torch._dynamo
import torch.utils.tensorboard

import tsdsl.check.check
import tsdsl.cli.main
import tsdsl.cli.search
import tsdsl.cli.train
import tsdsl.engine.training.train
import tsdsl.report.run
import tsdsl.searching
import tsdsl.space.resolve.file
import tsdsl.syntax.parser
from tsdsl.drawing.dot import render_dot
from tsdsl.lowering.kernels.choice import kernels_of

torch.set_num_threads(1)
render_dot("digraph {}")  # compiles Graphviz
if kernels_of("cpu") == "numba":
    import tsdsl.lowering.kernels.cpu.depthwise
    import tsdsl.lowering.kernels.cpu.norm
    import tsdsl.lowering.kernels.cpu.product
    import tsdsl.lowering.kernels.cpu.update  # noqa: F401
