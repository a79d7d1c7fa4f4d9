"""How a target is to be run: the options that every command takes."""

from __future__ import annotations

from dataclasses import dataclass

from stepper.inferior.protocol import WhatIf

MEMORY = 2 << 30
"""Bytes of recorded values that are kept, unless something else is asked for."""
LARGEST_SEED = 2**32 - 1
"""NumPy's global generator takes none above it."""
LARGEST_THREADS = 4096
"""More than any machine has cores, and fewer than an operating system refuses to start."""
LARGEST_COUNT = 10**18
"""No run comes to so many iterations; it fits into 64 bits."""
LARGEST_MEMORY = 1 << 50
"""Bytes: 1024T, more than any machine has."""


@dataclass(frozen=True)
class Options:
    """Options of a run; None is what plain Python would do.

    `settings` are `NAME=VALUE` texts. `threads` is the number of threads of the numeric libraries. `loop` is a line of
    the script or "none". `loss` is an expression. `arguments` are the script's own. `memory` bounds the kept copies,
    in bytes. `what_if` are statements that are added to the run.
    """

    seed: int | None = None
    device: str | None = None
    preset: str | None = None
    settings: tuple[str, ...] = ()
    threads: int | None = None
    loop: str | None = None
    loss: str | None = None
    arguments: tuple[str, ...] = ()
    memory: int = MEMORY
    what_if: tuple[WhatIf, ...] = ()
