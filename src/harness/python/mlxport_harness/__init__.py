"""Evidence that an mlx-lm port computes what its transformers reference computes.

No language model takes part. A small random twin of the architecture runs through both sides on the same
weights, and numpy code that never imports the port judges the difference. Start reading at `run.py`.
"""

VERSION = "0.1.0"
PROTO = 1
SCHEMA = 1
