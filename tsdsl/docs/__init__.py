"""Documentation shipped with the package."""
