"""The script has the threads that plain Python would give it: they decide the last bits."""

import subprocess
import sys

import pytest

from stepper.session import Options
from stepper.session.headless import trace

pytestmark = pytest.mark.start("anew")


@pytest.mark.parametrize("count", [None, "2"])
def test_the_script_has_as_many_threads_as_under_plain_python(
    count: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    if count is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", count)
    code = "import torch; print(torch.get_num_threads())"
    plain = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert trace("torch", Options(seed=0, preset="small"), 0).threads == int(plain.stdout)
    assert trace("torch", Options(seed=0, preset="small", threads=3), 0).threads == 3
