"""The work of commands apart from their arguments: reading sources and settings, checking, drawing runs, printing."""
