"""`python -m tests.bench [WORD …]`: measure, and print each figure with its target beside it.

Every figure is a ratio of two things measured alternately in this run. WORDs choose among `run`, `recorded`, `lens`,
`screen`.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from stepper.session.process import THREAD_VARIABLES
from tests.bench import lens
from tests.bench.loops import TimedScript
from tests.terminal import Terminal

ROUNDS = 5
KEYS = 30
STEPPER = [sys.executable, "-m", "stepper"]
BARE = [sys.executable, "-m", "tests.bench.bare_app"]
READY = "statement 1/"


def say(what: str, figure: float, target: str, reached: bool, more: str = "") -> None:
    """One line of the report."""
    print(f"{what:<58}{figure:7.2f}   target {target:<8}{'reached' if reached else 'MISSED':<9}{more}", flush=True)


def run_figures(folder: Path) -> None:
    """Iterations per second under `stepper run` over those under plain Python, loop only."""
    cases: list[tuple[str, dict[str, str], float]] = [
        ("numpy", {}, 0.97),
        ("torch", {}, 0.97),
        ("autograd", {}, 0.97),
        ("optim", {}, 0.97),
    ]
    for name, settings, target in [*cases, ("and-gate", {"epochs": "50000"}, 0.5)]:
        script = TimedScript(folder, name, settings)
        ratio, plain = ratio_of(script.plain, script.run)
        count = 4 * 50000 if name == "and-gate" else 500
        each = f"{1e6 * plain / count:.1f} µs an iteration"
        say(f"run: {name}, × plain iterations per second", ratio, f">= {target}", ratio >= target, each)


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


def ratio_of(first: Callable[[], float], second: Callable[[], float]) -> tuple[float, float]:
    """first/second, and first, each at its best over alternating rounds: what else a machine does only adds time."""
    pairs = [(first(), second()) for _ in range(ROUNDS)]
    best, other = min(a for a, _ in pairs), min(b for _, b in pairs)
    return best / other, best


def screen_figures() -> None:
    """First paint and key to settled screen, over those of a bare Textual app; how soon torch is ready to step."""
    paints, bare_paints, panels, keys, bare_keys = [], [], [], [], []
    for _ in range(ROUNDS):
        with Terminal(BARE) as bare:
            bare_paints.append(bare.wait_for())
            bare.settle()
            bare_keys += [bare.press("n") for _ in range(KEYS // ROUNDS + 1)][1:]
        with Terminal([*STEPPER, "numpy"]) as app:
            paints.append(app.wait_for())
            panels.append(app.wait_for("Tensors"))
            app.wait_for(READY)
            app.settle()
            keys += [app.press("n") for _ in range(KEYS // ROUNDS + 1)][1:]
    paint = statistics.median(paints) / statistics.median(bare_paints)
    later = f"{statistics.median(paints):.2f} s; panels {statistics.median(panels):.2f} s"
    say("screen: first paint, × the bare app's", paint, "<= 1.5", paint <= 1.5, later)
    key = statistics.median(keys) / statistics.median(bare_keys)
    milliseconds = f"{1e3 * statistics.median(keys):.0f} ms, bare {1e3 * statistics.median(bare_keys):.0f} ms"
    say("screen: key n to settled screen, × the bare app's", key, "<= 2", key <= 2, milliseconds)

    ready = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import torch"], check=True)
        imported = time.perf_counter() - begun
        with Terminal([*STEPPER, "torch"]) as app:
            ready.append(app.wait_for(READY) - imported)
    seconds = statistics.median(ready)
    say("screen: torch ready to step, s after `import torch` alone", seconds, "<= 1", seconds <= 1)


def main(words: list[str]) -> None:
    """Measure what is asked for, or everything."""
    # one thread each: a library that waits for a second core measures who else is on the machine
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    with tempfile.TemporaryDirectory(prefix="stepper-bench-") as folder:
        if not words or "run" in words:
            run_figures(Path(folder))
        if not words or "recorded" in words:
            recorded_figures(Path(folder))
        if not words or "lens" in words:
            lens_figures(Path(folder))
    if not words or "screen" in words:
        screen_figures()


if __name__ == "__main__":
    main(sys.argv[1:])
