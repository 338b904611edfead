"""Staying within a step's target: `flops` counts by table, `within_target` finds the most probable architecture
within it, `conditioned` restricts P(A|alpha) to it, and `candidates` draws and changes architectures within it.
"""
