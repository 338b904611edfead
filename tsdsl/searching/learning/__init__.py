"""One iteration of a step: `clips` gives the batches, `shared_samples` and `sample_training` run the samples, and
`learner` updates weights and alpha.
"""
