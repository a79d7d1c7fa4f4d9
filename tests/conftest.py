"""The same surroundings wherever tests run: one thread for the numerical libraries, and interrupts that are heard.

Two threads may share the work differently from one process to the next, and then the last bits of a product differ
under plain Python, too. A test of exactness is not to depend on that, nor a machine with few cores to wait for it.
A shell makes what it starts in the background deaf to interrupts, and so would be the processes that tests start.
"""

import gc
import os
import signal

import pytest

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# The app and its screens are full of cycles: looking for those that nobody needs took a fifth of the time of its tests
gc.set_threshold(20_000, 10, 10)


@pytest.hookimpl(optionalhook=True)  # where pytest-xdist is not there, nobody asks
def pytest_xdist_auto_num_workers() -> int:
    """Two for each core: half the time a test waits, for a screen to come to rest, or for a script's process."""
    return 2 * (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
