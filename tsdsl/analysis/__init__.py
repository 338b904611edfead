"""Exact facts about a space, without torch, in processing order.

`tables` writes the cost of every architecture as a sum of small tables. `paths` turns them into a trellis, in which
each path is an architecture, and counts its paths. `questions` has one module for each question about a space.
"""
