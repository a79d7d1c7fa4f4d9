"""Which code is ours and which is the script's, its libraries' among it."""

from __future__ import annotations

import os

import stepper

PACKAGE = os.path.dirname(os.path.abspath(stepper.__file__))


def is_ours(filename: str) -> bool:
    """Whether a file of code is this package's; the variants are scripts like any other."""
    return filename.startswith(PACKAGE + os.sep) and f"{os.sep}variants{os.sep}" not in filename
