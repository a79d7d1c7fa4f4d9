"""A tensor of 100 million elements: how soon something of it is seen, and how the keys of the viewer answer then."""

import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from stepper.engines.base import Engine
from stepper.engines.numpy import NumpyEngine
from stepper.engines.torch import TorchEngine
from stepper.inferior.recording.copies import Copy
from tests.bench.report import say, say_keys
from tests.bench.screen import READY, STEPPER, bare_keys, viewer_keys
from tests.terminal import Terminal

SIDE = 10_000
ROWS, COLUMNS = 30, 110
ROUNDS = 3
SCRIPT = f"""
import numpy as np

x = np.random.default_rng(0).standard_normal(({SIDE}, {SIDE}), dtype=np.float32)
w = 1.0
for t in range(50):
    scale = np.float32(w)
    x *= scale
    loss = w * w
    w -= 0.001 * w
"""


def large_figures(folder: Path) -> None:
    """The time until something is seen, and all is known, over that of one `sum()`; the viewer's keys over a bare
    app's."""
    import numpy
    import torch

    array = numpy.random.default_rng(0).standard_normal((SIDE, SIDE), dtype=numpy.float32)
    _seen("NumPy", NumpyEngine(), array, array.sum)
    tensor = torch.from_numpy(array)
    _seen("PyTorch", TorchEngine(), tensor, tensor.sum)
    del array, tensor
    _keys(folder)


def _seen(library: str, engine: Engine, value: Any, total: Callable[[], Any]) -> None:
    kept = engine.keep(value)
    pieces: list[float] = []

    def outline() -> Copy:
        copy = Copy(engine, kept)
        assert copy.outline.counted == 0
        return copy

    def count() -> None:
        pieces[:] = [time.perf_counter() for _ in outline().count()]

    works: tuple[Callable[[], object], ...] = (total, outline, lambda: _picture(engine, kept), count)
    rounds = [[_seconds(work) for work in works] for _ in range(ROUNDS)]
    summed, ranged, pictured, counted = (min(times) for times in zip(*rounds, strict=True))
    figure, more = (ranged + pictured) / summed, f"sum {1e3 * summed:.0f} ms"
    say(f"large: range and first window, {library}, × one sum()", figure, "<= 6", figure <= 6, more)
    figure = (counted + pictured) / summed
    more = f"in {len(pieces)} pieces, the longest {1e3 * max(end - begun for begun, end in pairwise(pieces)):.1f} ms"
    say(f"large: those and the full counts, {library}, × one sum()", figure, "<= 14", figure <= 14, more)


def _picture(engine: Engine, kept: Any) -> object:
    return engine.window(kept, None, ROWS, COLUMNS)


def _seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _keys(folder: Path) -> None:
    script = folder / "large.py"
    script.write_text(SCRIPT, encoding="utf-8")
    keys: dict[str, list[float]] = {}
    bare = bare_keys() + bare_keys()
    with Terminal([*STEPPER, str(script)]) as app:
        app.wait_for(READY, timeout=300)
        app.press("n")
        app.press("n")
        app.settle(1.0, 60)
        viewer_keys(app, keys, "10^8 elements")
    for name, times in keys.items():
        say_keys(f"large: {name}", times, bare)
