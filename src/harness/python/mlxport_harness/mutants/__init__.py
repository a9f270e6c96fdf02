"""H20: would these checks have caught it? Single faults put into right ports, and what the checks say.

`library` holds faults written by hand, `generic` makes them from any port's own text, `history` takes real
fixes backwards. `run` sends each through the same worker as any other port; `table` writes the result down.
"""
