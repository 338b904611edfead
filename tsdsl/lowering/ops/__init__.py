"""The layers as plain functions on tensors, one file a family; every network runs through them."""
