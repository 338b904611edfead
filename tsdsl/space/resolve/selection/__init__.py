"""What paths such as `sparse.stage[1..2].group[*]` select: `selectors` are read, `places` are what they match,
`overrides` set values there, and `unmatched` reports a path that matches nothing.
"""
