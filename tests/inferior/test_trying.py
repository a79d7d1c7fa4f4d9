"""Copies of the script's process, on systems that have none."""

import subprocess
import sys

import pytest

from stepper.inferior import trying


def test_a_system_that_copies_no_process_can_still_load_it_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = (
        "import os, signal; del os.fork, signal.SIGKILL; import stepper.inferior.trying as it; assert it.FORK is None"
    )
    subprocess.run([sys.executable, "-c", bare], check=True)
    monkeypatch.setattr(trying, "FORK", None)
    with pytest.raises(LookupError, match="no process can be copied"):
        trying._copier()
