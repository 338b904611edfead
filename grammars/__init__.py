"""The grammar of the `.tsspace` language."""
