"""The learning rate as a function of progress: linear warm-up, then half a cosine."""

from __future__ import annotations

from math import cos, pi


def learning_rate(base: float, progress: float, warmup: float = 0.0, warmup_start: float = 0.1) -> float:
    """The learning rate at a fraction of all epochs, per iteration.

    `warmup` is the fraction of all epochs with a linear warm-up, from `warmup_start` * `base` to the value of the
    half-cosine at its end. Source: the fractional-epoch rule in the code of SlowFast.

    >>> learning_rate(0.4, 0.5)
    0.2
    """
    progress = min(max(progress, 0.0), 1.0)
    if progress < warmup:
        begin, end = warmup_start * base, half_cosine(base, warmup)
        return begin + (end - begin) * progress / warmup
    return half_cosine(base, progress)


def half_cosine(base: float, progress: float) -> float:
    """`base` at progress 0, half of it at 0.5, 0 at 1."""
    return base * 0.5 * (1.0 + cos(pi * progress))
