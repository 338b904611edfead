"""The demo clips: `motion` draws and encodes them, `write` writes the data set."""
