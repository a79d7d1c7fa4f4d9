"""The table of the built-in variants: implementations of one idea, each a script that `python FILE` runs by itself.

This package is pure: it names the scripts and reads their text, and never runs or imports them.
"""

from stepper.variants.table import VARIANTS, Device, Variant, nearest

__all__ = ["VARIANTS", "Device", "Variant", "nearest"]
