"""Questions about a space, one module for each: how many architectures, how probable, which one, what changed."""
