"""One record to a clip: `decode` opens the file, `frame_index` finds its frames, `sampling` chooses times, `augment`
chooses and cuts a view, and `clips` combines them.
"""
