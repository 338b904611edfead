"""What is asked about a space, one module each: how many architectures, how probable, which one, what changed."""
