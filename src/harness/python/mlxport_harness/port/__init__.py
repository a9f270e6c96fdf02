"""The mlx-lm side: the only code that imports the port, in a process that cannot reach its judge."""
