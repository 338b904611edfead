"""Exact facts about a space, without torch."""
