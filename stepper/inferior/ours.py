"""Which code is ours and which is the script's, its libraries' among it."""

from __future__ import annotations

import _imp
import os
import re
import sysconfig
from types import FrameType

import stepper
from stepper.engines.modes import PASSED_OVER

INSTALLED = re.compile(r"[/\\](?:site|dist)-packages(?:[/\\]|$)")
STANDARD = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})
PACKAGE = os.path.dirname(os.path.abspath(stepper.__file__))


def pass_over(frame: FrameType | None) -> None:
    """Let a warning find nobody beneath the script, where it looks for a caller that there is not: `stacklevel=2` in
    the script itself, here as in plain Python."""
    while frame is not None:
        _imp._fix_co_filename(frame.f_code, PASSED_OVER)  # type: ignore[attr-defined]
        frame = frame.f_back


def is_ours(filename: str) -> bool:
    """Whether a file of code is this package's; the variants are scripts like any other."""
    if filename == PASSED_OVER:
        return True
    return filename.startswith(PACKAGE + os.sep) and f"{os.sep}variants{os.sep}" not in filename


def is_installed(path: str) -> bool:
    """Whether a file or folder belongs to Python itself, or to an installed package."""
    return path.startswith(STANDARD) or INSTALLED.search(path) is not None


def holds_installed(root: str) -> bool:
    """Whether packages were installed into a place by itself (`pip install --target libs`), as what lies beside them
    tells."""
    try:
        with os.scandir(root) as entries:
            return any(entry.name.endswith(".dist-info") for entry in entries)
    except OSError:
        return False


def holds_us(root: str) -> bool:
    """Whether a place where modules are looked for is the one that this package was found in."""
    return os.path.realpath(root) == os.path.dirname(os.path.realpath(PACKAGE))
