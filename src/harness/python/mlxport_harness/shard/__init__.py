"""H18: the port cut over several processes gives what one process gives."""
