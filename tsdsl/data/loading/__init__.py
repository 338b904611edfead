"""Records to batches: `workers` decodes in processes, `batches` makes training batches in a seeded order, `views` the
test views of each video, and `skipped` collects unusable clips.
"""
