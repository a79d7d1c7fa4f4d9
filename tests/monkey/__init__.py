"""Random keys, clicks, drags and sizes for the real app in a pseudo-terminal: `python -m tests.monkey SEED`.

A seed's moves are always the same. What they meet is not quite: the script and the screen take the time they take.
"""
