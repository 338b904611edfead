"""The cost of a network on clips of another size, such as test views."""

from __future__ import annotations

from dataclasses import replace

from tsdsl.network.cost import network_cost, shape_after
from tsdsl.network.layout import Network, Shape
from tsdsl.operators.varying import fixed


def resized(network: Network, size_px: int) -> Network:
    """The same network for square clips of another side; parameters are unchanged."""
    shapes: dict[str, Shape] = {}
    nodes = []
    for node in network.nodes:
        if node.kind == "input":
            shape_in = shape = replace(node.shape, height=size_px, width=size_px)
        else:
            shape_in = replace(shapes[node.inputs[0]], channels=node.shape_in.channels)
            shape = shape_in
            for block in node.blocks:
                for layer in block.layers:
                    shape = shape_after(layer, shape)
        shapes[node.name] = shape
        nodes.append(replace(node, shape_in=shape_in, shape=shape))
    return replace(network, size=size_px, nodes=tuple(nodes))


def view_macs(network: Network, size_px: int) -> int:
    """Multiply-adds of one clip of `side_px` pixels."""
    return fixed(network_cost(resized(network, size_px)).macs)
