"""flowtune: searches for the best values in a graph, over Optuna."""
