"""`Model`: one architecture as an ordinary nn.Module, and the recalibration of its BN statistics.

Shapes: B clips, C channels, T frames, H rows, W columns, K classes.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from tsdsl.errors import RunError
from tsdsl.lowering.initialisation import ParameterKind, parameter_kinds
from tsdsl.lowering.ops.norm import BatchNorm
from tsdsl.lowering.run import run
from tsdsl.lowering.tree import grow, submodule
from tsdsl.network.cost import Cost, network_cost
from tsdsl.network.layout import Network
from tsdsl.network.parameters import named_layers, shape
from tsdsl.operators.layers import ActivationKind


class Model(nn.Module):
    """The network of one architecture, ready to train, save, move, copy and export.

    State-dict keys are the dotted parameter names, such as `sparse.stage1.group1.block0.expand.weight`, and those of
    BN's buffers.
    """

    def __init__(self, network: Network, seed: int | None = None) -> None:
        """Draw initial values from `seed`, or from torch's global generator.

        Inside `with torch.device("meta"):` nothing is allocated; load weights after `to_empty`.
        """
        super().__init__()
        self.network = network
        self.placed = grow(self, named_layers(network), shape, seed, running_statistics=True)

    def forward(self, clip_BCTHW: Tensor) -> Tensor:
        """Class scores B x K, without softmax.

        Raises:
            ValueError: the clip is not B x 3 x frames x H x W.
        """
        return run(self.network, clip_BCTHW, self.placed, self._norm, training=self.training)

    def _norm(
        self, name: str, x_BCTHW: Tensor, weight_C: Tensor, bias_C: Tensor, then: ActivationKind
    ) -> tuple[Tensor, bool]:
        module = submodule(self, name)
        if isinstance(module, BatchNorm) and then == "relu" and module.rectifies(x_BCTHW):
            return module(x_BCTHW, rectified=True), True
        return module(x_BCTHW), False

    @property
    def cost(self) -> Cost:
        """Multiply-adds for one clip of the network's size, and parameters."""
        return network_cost(self.network)

    def parameter_kind(self, name: str) -> ParameterKind:
        """The kind of each parameter, `weight`, `bias` or `norm`; only weights should decay."""
        return parameter_kinds(self.network)[name]


@torch.no_grad()
def recalibrate(model: Model, clips: Iterable[Tensor]) -> int:
    """Set BN's running statistics to the plain average over batches of clips; return the number of batches.

    The model keeps its mode. Needed for weights from a supernet, and worthwhile before any evaluation ("precise BN",
    SlowFast's code).

    Raises:
        RunError: there was no batch; the statistics are unchanged.
    """
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    before = [(norm.training, norm.momentum) for norm in norms]
    was_training = model.training
    device = next(model.parameters()).device
    count = 0
    try:
        model.eval()
        for clip_BCTHW in clips:
            if count == 0:
                for norm in norms:
                    norm.reset_running_stats()
                    norm.momentum = None
                    norm.train()
            model(clip_BCTHW.to(device))
            count += 1
    finally:
        model.train(was_training)
        for norm, (training, momentum) in zip(norms, before, strict=True):
            norm.momentum = momentum
            norm.train(training)
    if count == 0:
        raise RunError("BN recalibration got no clips", help="give at least one batch of training clips")
    return count
