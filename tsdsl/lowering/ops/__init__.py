"""The layers as plain functions on tensors, one module for each family; every network runs through them."""
