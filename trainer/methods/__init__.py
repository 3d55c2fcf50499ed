"""How a model is fitted to a task: a file per method, the same `Predictions` from each."""
