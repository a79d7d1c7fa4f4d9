"""Random training scripts against plain Python: `python -m tests.fuzz SEED`.

A seed's script is always the same. It says of itself, in comments, what is true of it: see `tests.fuzz.script`.
"""
