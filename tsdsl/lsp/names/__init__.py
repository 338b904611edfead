"""Every name of a file with its occurrences: definition, references and rename start here."""
