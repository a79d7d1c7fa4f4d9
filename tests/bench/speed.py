"""Iterations per second at full speed, and what recording costs: against the same script under plain Python."""

import json
import subprocess
import sys
from pathlib import Path

from tests.bench import lens
from tests.bench.loops import TimedScript
from tests.bench.report import ratio_of, say

LARGE = ("numpy", "torch", "autograd", "optim", "custom-function", "nn", "module", "dynamic")
SAMPLES, EPOCHS = 4, 50_000


def run_figures(folder: Path) -> None:
    """Iterations per second under `stepper run` over those under plain Python, loop only."""
    cases: list[tuple[str, dict[str, str], int, float]] = [(name, {}, 500, 0.97) for name in LARGE]
    cases.append(("module-adam", {"iterations": "2000"}, 2000, 0.97))
    cases.append(("and-gate", {"epochs": str(EPOCHS)}, SAMPLES * EPOCHS, 0.5))
    for name, settings, count, target in cases:
        script = TimedScript(folder, name, settings)
        ratio, plain = ratio_of(script.plain, script.run)
        each = f"{1e6 * plain / count:.1f} µs an iteration"
        say(f"run: {name}, × plain iterations per second", ratio, f">= {target}", ratio >= target, each)
        if name in ("numpy", "module-adam", "and-gate"):
            ratio, _ = ratio_of(script.plain, script.armed)
            what = f"run: {name} with a breakpoint not reached, × plain"
            say(what, ratio, f">= {target}", ratio >= target)


def recorded_figures(folder: Path) -> None:
    """The time of a recorded iteration over that of a plain one."""
    count = 200
    most = {"numpy": 2, "torch": 2, "autograd": 2, "nn": 3, "optim": 3, "module": 3, "dynamic": 3}
    for name, target in most.items():
        script = TimedScript(folder, name, {"iterations": str(count)})
        ratio, recorded = ratio_of(script.recorded, script.plain)
        each = f"{1e6 * recorded / count:.0f} µs recorded"
        say(f"recorded: {name}, × the plain iteration", ratio, f"<= {target}", ratio <= target, each)


def lens_figures(folder: Path) -> None:
    """What TorchLens takes to see the same network forward and backward, over a plain iteration; and over ours."""
    if not lens.installed():
        print("lens: TorchLens is not installed: pip install -c constraints.txt -e '.[bench]'")
        return
    answer = subprocess.run([sys.executable, "-m", "tests.bench.lens"], capture_output=True, text=True, check=True)
    theirs = json.loads(answer.stdout.splitlines()[-1])
    ratio = theirs["logged"] / theirs["plain"]
    script = TimedScript(folder, "optim", {"iterations": "200"})
    ours, _ = ratio_of(script.recorded, script.plain)
    each = f"{1e6 * theirs['logged']:.0f} µs; recorded by stepper {ours:.1f} ×, with every summary"
    say("lens: TorchLens on optim, × the plain iteration", ratio, f"> {ours:.1f}", ratio > ours, each)
