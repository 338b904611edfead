"""What a search writes and reads again: its settings, its evaluations, and its outcome."""
