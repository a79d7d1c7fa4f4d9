"""Which Textual this is: some of what the app does stands on parts that Textual keeps to itself, and may change."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import textual

VERSIONS = "8.2."
"""How the versions begin whose own parts the app has been tried with, from the first to the last of them."""


def tried() -> bool:
    """Whether it has been tried with this version, and may stand on such parts; elsewhere it does without them."""
    return _is_one_of(VERSIONS)


@lru_cache(maxsize=2)
def _is_one_of(versions: str) -> bool:
    # as the name of the folder with its metadata has it: to import what reads those takes longer than all else here
    package = Path(textual.__file__).parent
    return any(package.parent.glob(f"{package.name}-{versions}*.dist-info"))
