"""Batteries: what is measured on a real checkpoint, upstream's eight tests and ours beside them.

`family.py` runs a battery, `plan.py` lists the tests, `judge/` decides them one by one, `results.py` writes
upstream's tree. `reference.py` (torch) and `port.py` (mlx) run in processes of their own, one load each.
"""
