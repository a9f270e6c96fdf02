"""The twin: a small random model with the structure of a real one. Rules are data, in `rules.json`."""
