"""Accuracy of a trained model over the views of each video, its predictions, and the cost of a view."""
