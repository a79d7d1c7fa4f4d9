"""`python -m tests.bench [WORD …]`: measure, and print each figure with its target beside it.

Every figure is a ratio of two things measured alternately in this run. WORDs choose among `run`, `recorded`, `lens`,
`screen`, `ready`, `large`, `running` and `memory`.
"""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from stepper.session.process import THREAD_VARIABLES
from tests.bench.large import large_figures
from tests.bench.length import memory_figures, running_figures
from tests.bench.screen import paint_figures, ready_figures
from tests.bench.speed import lens_figures, recorded_figures, run_figures

FIGURES: dict[str, Callable[[Path], None]] = {
    "run": run_figures,
    "recorded": recorded_figures,
    "lens": lens_figures,
    "screen": lambda _: paint_figures(),
    "ready": lambda _: ready_figures(),
    "large": large_figures,
    "running": running_figures,
    "memory": memory_figures,
}


def main(words: list[str]) -> None:
    """Measure what is asked for, or everything."""
    # one thread each: a library that waits for a second core measures who else is on the machine
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    # what is installed is compiled once; where that is forbidden, each start would compile ours anew, and ours only
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(prefix="stepper-bench-") as folder:
        for word, figures in FIGURES.items():
            if not words or word in words:
                figures(Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
