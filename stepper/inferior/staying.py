"""The very end of the process: what the script still holds goes as it does under plain Python.

Python takes away what was added to the builtins before it lets go of what modules hold: a generator is closed then, a
`__del__` called, and their code asks for the flags of the probes. So the modules of the script get those themselves,
when everything that the script has asked for at its exit is done.
"""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Callable, Collection

from stepper.program.nodes import ARMED, BESIDE, COUNTING, RECORDING

FLAGS = dict.fromkeys((RECORDING, BESIDE, ARMED, COUNTING), False)


def let_go_at_exit(files: Callable[[], Collection[str]]) -> None:
    """To be asked for before the script begins, for what is asked for last is done first. `files` has the paths of the
    modules that have code with probes, but for the script's own."""

    def let_go() -> None:
        gc.unfreeze()  # nothing that was set aside would go else, the script's own module among it
        own = files()
        for name, module in list(sys.modules.items()):
            held = getattr(module, "__dict__", {})
            if name == "__main__" or held.get("__file__") in own:
                held.update(FLAGS)

    atexit.register(let_go)
