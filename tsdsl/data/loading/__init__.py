"""Records to batches: `workers` decodes in processes and caches, `batches` gives training batches in a seeded order,
`views` gives the test views of each video, and `skipped` collects what could not be used.
"""
