"""Ways to search: how a step picks its architecture, the baselines, and searches of a table of accuracies."""
