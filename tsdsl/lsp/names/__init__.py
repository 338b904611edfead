"""Indexes every name of a file with its occurrences, for definition, references and rename."""
