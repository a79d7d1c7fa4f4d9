"""The families of random scripts by name."""

from __future__ import annotations

from collections.abc import Callable

from tests.fuzz.dialects import NUMPY, TORCH
from tests.fuzz.hand_loops import LOOPS
from tests.fuzz.hand_structures import STRUCTURES
from tests.fuzz.plain_python import write_python
from tests.fuzz.script import Pen, Script
from tests.fuzz.torch_training import write_torch

FAMILIES: dict[str, Callable[[Pen], None]] = {
    "torch": write_torch,
    "numpy": lambda pen: pen.pick(*STRUCTURES, *LOOPS)(pen, NUMPY),
    "python": write_python,
    "hand-torch": lambda pen: pen.pick(*STRUCTURES, *LOOPS)(pen, TORCH),
}
"""Each writes a whole script with a pen."""
ON_DEVICES = ("torch", "hand-torch")
"""Those that can be on an accelerator."""


def written(family: str, seed: int, device: str = "cpu") -> Script:
    """The script of a seed."""
    pen = Pen(seed, device)
    FAMILIES[family](pen)
    return Script(family, seed, pen.text)
