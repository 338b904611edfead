"""Two spaces compared: `setting_places` lists what each may set, `changes` what is not as it was, `in_both` counts the
architectures that both have, and `compare` puts it together with costs, weights and what breaks.
"""
