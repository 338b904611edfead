"""What several tests and benchmarks share: random spaces, small runs, references, and checks."""
