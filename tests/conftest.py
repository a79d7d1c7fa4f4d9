"""One thread for the numerical libraries, here and in the processes that tests start.

Two threads may share the work differently from one process to the next, and then the last bits of a product differ
under plain Python, too. A test of exactness is not to depend on that, nor a machine with few cores to wait for it.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
