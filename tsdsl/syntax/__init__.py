"""Text to syntax tree, with positions and recovery."""
