"""H19: golden packs, the reference's numbers in one file, to check a port where there is no torch."""
