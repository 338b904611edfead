"""One video file to frames: `frame_index` finds the frames, `sampling` chooses moments, `decode` decodes them,
`augment` cuts and normalises, and `clips` joins these for one record.
"""
