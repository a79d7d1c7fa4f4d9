"""Engines: one implementation style each. They know what its values are, and what happens inside its opaque calls.

Used only inside the script's process. No engine imports its library before the script has.
"""
