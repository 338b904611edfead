"""The demo clips: `motion` makes the pictures and their files, `write` the data set."""
