"""The process's own streams, made fit for what is printed: open, and with letters for signs they have no code for."""

import codecs
import io
import os
import sys

LOOK_ALIKE = {
    **{"█": "#", "·": ".", "…": "...", "−": "-", "—": "-", "×": "x", "⊙": "*", "‖": "|", "ᵀ": "^T", "∂": "d"},
    **{"≤": "<=", "≥": ">=", "→": "->", "∞": "inf", "√": "sqrt", "σ": "sigma", "φ": "phi", "Φ": "Phi", "π": "pi"},
    **{"\N{COMBINING CIRCUMFLEX ACCENT}": "^", "²": "^2", "⌊": "floor(", "⌋": ")"},
    **{chr(ord("₀") + digit): f"_{digit}" for digit in range(10)},
}
"""What our own signs are written as where there is nothing but ASCII."""


def prepare() -> None:
    """Open what is closed, so that nothing else gets its number; what a stream cannot encode, it writes otherwise."""
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            stream = open(descriptor, "w" if descriptor else "r", encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
    for out in (sys.stdout, sys.stderr):
        if isinstance(out, io.TextIOWrapper) and not out.encoding.lower().startswith("utf"):
            codecs.register_error("stepper", _otherwise)
            out.reconfigure(errors="stepper")


def _otherwise(error: UnicodeError) -> tuple[str | bytes, int]:
    """An error handler: our own signs by what looks like them, other characters by their number."""
    assert isinstance(error, UnicodeEncodeError)
    sign = LOOK_ALIKE.get(error.object[error.start])
    return (sign, error.start + 1) if sign is not None else codecs.backslashreplace_errors(_first(error))


def _first(error: UnicodeEncodeError) -> UnicodeEncodeError:
    """The same error, of its first character alone."""
    return UnicodeEncodeError(error.encoding, error.object, error.start, error.start + 1, error.reason)
