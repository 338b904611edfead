"""What the editor offers, a module a feature: each is a function of a text, its space and a position."""
