"""The same surroundings wherever tests run: one thread for the numerical libraries, and interrupts that are heard.

Two threads may share the work differently from one process to the next, and then the last bits of a product differ
under plain Python, too. A test of exactness is not to depend on that, nor a machine with few cores to wait for it.
A shell makes what it starts in the background deaf to interrupts, and so would be the processes that tests start.
"""

import gc
import os
import re
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from stepper.inferior.protocol import Launch
from stepper.session import lane, process
from tests.ready.client import Ready

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
settings.register_profile("untimed", deadline=None)  # how long an example takes says how busy the machine is
settings.load_profile("untimed")
# The app and its screens are full of cycles: looking for those that nobody needs took a fifth of the time of its tests
gc.set_threshold(20_000, 10, 10)


@pytest.hookimpl(optionalhook=True)  # where pytest-xdist is not there, nobody asks
def pytest_xdist_auto_num_workers() -> int:
    """Two for each core: half the time a test waits, for a screen to come to rest, or for a script's process."""
    return 2 * (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


# What takes longest comes first, so that at the end all workers are busy with files of little work, and end together
ORDER = ("exactness", "fuzz", "monkey", "session", "tui", "cli", "inferior", "variants", "engines")


def pytest_configure(config: pytest.Config) -> None:
    """Let pytest-xdist hand out files in this order, and not those with many tests first, whatever each takes."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort by `ORDER`; what is not in it comes last."""
    rooms = {name: place for place, name in enumerate(ORDER)}
    here = Path(__file__).parent
    items.sort(key=lambda item: rooms.get(item.path.relative_to(here).parts[0], len(rooms)))


READY: dict[str, Ready] = {}
STARTS: dict[str, Any] = {"anew": subprocess.Popen}


def pytest_collection_finish() -> None:
    """What is forked has the environment that tests begin with: plugins have added to it by now. What has been loaded
    stays: it need not be gone through for what nobody needs any more."""
    gc.collect()
    gc.freeze()
    READY.update({name: Ready(name.upper(), os.environ) for name in ("numpy", "torch")})
    STARTS.update({name: ready.start for name, ready in READY.items()})


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """The environment after a test and its fixtures is the one before them: torch notes things there when it is first
    used, and with another than they were forked for, scripts' processes would begin anew from then on."""
    before = dict(os.environ)
    try:
        return (yield)
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """How scripts' processes begin: forked from one that has loaded NumPy, or torch where a script speaks of it, which
    saves most of what small ones take; or, by `@pytest.mark.start("anew")`, as outside of tests."""
    marker = item.get_closest_marker("start")
    asked = None if marker is None else marker.args[0]

    def start(launch: Launch) -> Any:
        kind = asked or ("torch" if speaks_of_torch(launch) else "numpy")
        return STARTS[kind if sys.platform == "linux" else "anew"]

    class Started(process.Process):
        """A process that begins so."""

        def __init__(self, launch: Launch, *rest: Any, **how: Any) -> None:
            if vars(process)["Popen"] in STARTS.values():  # and no test has put its own in place
                vars(process)["Popen"] = start(launch)
            super().__init__(launch, *rest, **how)

    vars(lane)["Process"] = Started


def speaks_of_torch(launch: Launch) -> bool:
    """Whether the word is in a script, or in a file beside it that it may import. A process without torch is copied at
    less cost, also by checks of gradients; one that needs it takes a second to load it."""
    script = Path(launch.script)
    text = content(script) if launch.script else launch.module.encode()
    beside = [*script.parent.glob("*.py"), *script.parent.glob("*/*.py")]
    named = [content(path) for path in beside if {path.stem.encode(), path.parent.name.encode()} & words(text)]
    return any(b"torch" in each for each in (text, *named))


def content(path: Path) -> bytes:
    """What is in a file; nothing where it cannot be read."""
    try:
        return path.read_bytes() if path.is_file() else b""
    except OSError:
        return b""


def words(text: bytes) -> set[bytes]:
    """The words in a text."""
    return set(re.findall(rb"\w+", text))


def pytest_unconfigure() -> None:
    """Nothing is forked any more."""
    for ready in READY.values():
        ready.close()
