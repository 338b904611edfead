"""Lowering a space to PyTorch: models, supernets and exports."""
