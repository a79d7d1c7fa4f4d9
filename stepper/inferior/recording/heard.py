"""The operations that are written down with their operands: those that may be gates, and those that tell what a value
was made from.
"""

from __future__ import annotations

from stepper.engines import openings
from stepper.engines.base import Layer

PRODUCTS = {"matmul": 0, "dot": 0, "mm": 0, "bmm": 0, "mv": 0, "addmm": 1}
"""Products, and which operand is the left side."""
SUMS = frozenset(("add", "iadd", "add_", "sub", "isub", "subtract"))
SCALINGS = frozenset(("mul", "imul", "multiply", "truediv", "itruediv", "divide"))
FUNCTIONS = {
    "linear": Layer(-1, "linear"),
    **{f"conv{n}d": Layer(-1 - n, f"Conv{n}d", channels=True) for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": Layer(-1 - n, f"ConvTranspose{n}d", channels=True) for n in (1, 2, 3)},
}
OPERATIONS = frozenset((*PRODUCTS, *SUMS, *SCALINGS, *FUNCTIONS))
"""From which of its operands, and along which axis, a result has its units."""
GATE_OPERATIONS = frozenset(
    [
        "maximum",
        "fmax",
        "max",
        "clip",
        "clamp",
        "clamp_min",
        "clamp_",
        "clamp_min_",
        "relu",
        "relu_",
        "where",
        "mul",
        "imul",
        "multiply",
        "setitem",
        "lt",
        "le",
        "gt",
        "ge",
        "masked_fill",
        "masked_fill_",
        "putmask",
        "threshold",
        *openings.FUNCTIONS,
    ]
)
HEARD = GATE_OPERATIONS | OPERATIONS
