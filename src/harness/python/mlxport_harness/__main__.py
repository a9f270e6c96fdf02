"""`python -m mlxport_harness`: see `cli.py`."""

import sys

from mlxport_harness.cli import main

if __name__ == "__main__":
    sys.exit(main())
