"""Finds and reads artifacts on disk: `locate` finds a space or an architecture, `trained` opens a trained model, and
`verify_export` checks exported files.
"""
