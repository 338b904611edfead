"""Accuracy of a trained model over the views of each video, what was predicted, and what a view costs."""
