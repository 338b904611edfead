"""Video data: decode once, sample both streams, augment."""
