"""What a person waits for at the terminal: first paint, a key, a target that is ready. Against a bare Textual app."""

import statistics
import subprocess
import sys
import time

from tests.bench.report import ROUNDS, say, say_keys
from tests.terminal import Terminal

STEPPER = [sys.executable, "-m", "stepper"]
BARE = [sys.executable, "-m", "tests.bench.bare_app"]
READY = "statement 1/"
KEYS = 8
"""Presses of a key in a round, after a first that is not counted."""
DOWN, RIGHT, PAGE_UP, PAGE_DOWN = "\x1b[B", "\x1b[C", "\x1b[5~", "\x1b[6~"
VIEWER, NEAR = "8", "z"


def pressed(terminal: Terminal, *keys: str) -> list[float]:
    """Seconds from each press, of one key after the other, to its settled screen; the first only warms up."""
    return [terminal.press(keys[count % len(keys)]) for count in range(KEYS + 1)][1:]


def bare_keys() -> list[float]:
    """The yardstick: the bare app's `n`."""
    with Terminal(BARE) as bare:
        bare.wait_for()
        bare.settle()
        return pressed(bare, "n")


def viewer_keys(app: Terminal, keys: dict[str, list[float]], name: str) -> None:
    """The cursor over the whole tensor, then element by element, then scrolled by pages."""
    app.press(VIEWER)
    app.settle()
    keys.setdefault(f"cursor over the whole of {name}", []).extend(pressed(app, RIGHT) + pressed(app, DOWN))
    app.press(NEAR)
    app.settle()
    keys.setdefault(f"cursor over the elements of {name}", []).extend(pressed(app, RIGHT) + pressed(app, DOWN))
    keys.setdefault(f"page of {name}", []).extend(pressed(app, PAGE_UP, PAGE_DOWN))


def paint_figures() -> None:
    """First paint, keys, and how soon torch is ready to step."""
    paints, bare_paints, panels, bare = [], [], [], []
    keys: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        with Terminal(BARE) as terminal:
            bare_paints.append(terminal.wait_for())
        bare += bare_keys()
        with Terminal([*STEPPER, "numpy"]) as app:
            paints.append(app.wait_for())
            panels.append(app.wait_for("Tensors"))
            app.wait_for(READY)
            app.settle()
            for key in ("n", "N", "i"):
                keys.setdefault(f"key {key}", []).extend(pressed(app, key))
            app.press("n")  # to a statement that makes a tensor
            viewer_keys(app, keys, "a tensor")
    paint = statistics.median(paints) / statistics.median(bare_paints)
    say("screen: first paint, × the bare app's", paint, "<= 1.5", paint <= 1.5, f"{statistics.median(paints):.2f} s")
    whole = statistics.median(panels) / statistics.median(bare_paints)
    more = f"{statistics.median(panels):.2f} s"
    say("screen: all panels, × the bare app's first paint", whole, "<= 1.5", whole <= 1.5, more)
    for name, times in keys.items():
        say_keys(f"screen: {name}", times, bare)


def ready_figures() -> None:
    """When a torch variant can be stepped, after `import torch` alone would have ended."""
    ready = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import torch"], check=True)
        imported = time.perf_counter() - begun
        with Terminal([*STEPPER, "torch"]) as app:
            ready.append(app.wait_for(READY) - imported)
    seconds = statistics.median(ready)
    say("screen: torch ready to step, s after `import torch` alone", seconds, "<= 1", seconds <= 1)
