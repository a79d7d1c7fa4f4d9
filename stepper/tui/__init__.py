"""The Textual app: one widget per panel, Textual CSS beside it.

Knows the session and the vocabulary of records, and nothing of torch, NumPy, engines or how scripts are recorded.
"""
