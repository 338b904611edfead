"""A folder to a list of labelled clips: `open` recognises the layout, one module reads each layout, and `records` and
`selection` take a part.
"""
