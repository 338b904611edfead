"""A folder to a list of labelled clips: `open` recognises the layout, one module reads each layout, `records` and
`selection` choose a part.
"""
