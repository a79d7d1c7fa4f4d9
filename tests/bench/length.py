"""A long run under the app: its speed, how often the screen is drawn, and what the app's own process grows by."""

import statistics
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from stepper.variants import VARIANTS
from tests.bench.loops import TimedScript
from tests.bench.report import say
from tests.bench.screen import READY, STEPPER
from tests.plain import with_settings
from tests.terminal import Terminal

QUIET = 0.01
"""Seconds without output that part one repaint from the next."""
ROUNDS = 3
SHORT, LONG = 1_000, 100_000
EACH = 40
"""Bytes that an iteration may take for good."""


def running_figures(folder: Path) -> None:
    """The time of a loop under the app, running freely, over that under `stepper run`; repaints a second."""
    script = TimedScript(folder, "numpy", {"iterations": "4000"})
    ratios, rates = [], []
    for _ in range(ROUNDS):
        with Terminal([*STEPPER, str(script.script), "--", str(script.answer)]) as app:
            app.wait_for(READY)
            app.settle()
            begun = len(app.arrivals)
            app.press("c")
            app.wait_for("iteration 3999/")
            rates.append(_rate(app.arrivals[begun:]))
            app.wait_until(script.answer.exists)
            watched = script.seconds()
        ratios.append(script.run() / watched)
    speed, rate = statistics.median(ratios), statistics.median(rates)
    say("running: numpy under the app, × the speed of `stepper run`", speed, ">= 0.95", speed >= 0.95)
    say("running: repaints a second", rate, "<= 15", rate <= 15)


def _rate(arrivals: Sequence[float]) -> float:
    """Repaints a second, of the times at which output came."""
    repaints = 1 + sum(later - earlier > QUIET for earlier, later in pairwise(arrivals))
    return repaints / (arrivals[-1] - arrivals[0])


def memory_figures(folder: Path) -> None:
    """The app's own memory after many iterations over that after a thousand."""
    script = folder / "long_and_gate.py"
    script.write_text(with_settings(VARIANTS["and-gate"].source, {"epochs": str(LONG)}), encoding="utf-8")
    with Terminal([*STEPPER, str(script)]) as app:
        app.wait_for(READY)
        sizes = []
        for iteration in (SHORT, LONG):
            app.press("g")
            app.press(f"{iteration}\r")
            app.wait_for(f"iteration {iteration}/", timeout=300)
            app.settle(1.0, 60)
            sizes.append(app.memory())
    allowed = 1.3 * sizes[0] + EACH * LONG
    more = f"{sizes[0] / 1e6:.1f} MB, then {sizes[1] / 1e6:.1f} MB; + {EACH} bytes an iteration are allowed"
    figure = (sizes[1] - EACH * LONG) / sizes[0]
    say("memory: the app after 100,000 iterations, × after 1,000", figure, "<= 1.3", sizes[1] <= allowed, more)
