"""From a `Space` to a `Network`, without torch.

In processing order: `group` lays out the blocks of a group, `layout` joins streams, slots and heads into one network,
`parameters` names its weights, `cost` counts multiply-adds, `activations` counts the bytes alive at each moment, and
`spec` checks that a network is well formed.
"""
