"""The loops over many numbers in compiled form, where this installation has them; `NATIVE` is None where it has not.

They are compiled when stepper is installed, if there is a C compiler (`hatch_build.py`). Whoever uses them has the
same in Python beside it: they are faster, and nothing else. STEPPER_PURE=1 in the environment leaves them out.
"""

from __future__ import annotations

import os
from types import ModuleType
from typing import Any

CODES = frozenset("bBhHiIlLqQfd")  # the letters of NumPy's dtypes whose numbers the compiled loops know
SHOWN = CODES | frozenset("?eFD")  # of those whose memory NumPy shows to others


def _load() -> ModuleType | None:
    if os.environ.get("STEPPER_PURE", "0") not in ("", "0"):
        return None
    try:
        from stepper.engines import _native
    except ImportError:
        return None
    return _native


NATIVE: Any = _load()
