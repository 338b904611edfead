"""Operators of the language: attributes, layers and closed-form costs, one file each."""
