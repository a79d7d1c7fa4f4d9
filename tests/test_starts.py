"""However a script's process begins in tests, it finds what it finds in one of its own."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from stepper.session import process
from stepper.session.errors import ScriptFailed
from stepper.session.headless import run_losses
from stepper.session.options import Options
from tests.conftest import STARTS
from tests.ready.client import Forked
from tests.session.support import script

TELLS = """
import atexit, inspect, os, random, signal, sys
def libraries():
    names = ("numpy", "numpy.random", "torch", "torch.optim", "torch._dynamo", "sympy", "tests", "stepper.session")
    return [name for name in names if name in sys.modules]
print(libraries(), sys.argv, sys.path[0], os.getcwd(), len(inspect.stack()), sys.getrecursionlimit())
def told(module):
    spec = module.__spec__
    return type(spec.loader), module.__loader__ is spec.loader, spec.origin, spec.submodule_search_locations
print([os.isatty(each) for each in (0, 1, 2)], sys.stdin.read(), os.getpid() == os.getsid(0))
print([signal.getsignal(each) for each in (signal.SIGINT, signal.SIGPIPE, signal.SIGCHLD)])
print(sorted(os.listdir("/proc/self/fd"))[:3], os.environ.get("PYTHONHASHSEED") is not None, len(sys.orig_argv))
import numpy
print(libraries(), numpy.random.rand(), told(numpy), told(numpy.random))
import torch
print(libraries(), torch.rand(2), told(torch), told(torch.optim), torch.nn.Linear.__module__, random.random())
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.Adam(model.parameters())
print(libraries(), told(torch._dynamo))
late = os.open(sys.argv[0] + ".late", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
atexit.register(lambda: os.write(late, f"{torch.ones(2).sum().item()}\\n".encode()))
for t in range(3):
    loss = model(torch.ones(1, 2)).sum()
    loss.backward()
    optimizer.step()
    print(loss.item(), hash("a" * 9) == hash("aaa" * 3))
sys.exit(3)
"""


def told(path: str, kind: str, monkeypatch: pytest.MonkeyPatch, seed: int | None = 0) -> str:
    """All that the script prints."""
    written: list[bytes] = []
    begun: list[object] = []

    def start(*command: Any, **how: Any) -> Any:
        begun.append(STARTS[kind](*command, **how))
        return begun[-1]

    monkeypatch.setattr(process, "Popen", start)
    with pytest.raises(ScriptFailed):
        run_losses(path, Options(seed=seed), None, lambda *_: None, written.append)
    assert [isinstance(each, Forked) for each in begun] == [kind != "anew"]
    return b"".join(written).decode()


@pytest.mark.skipif(sys.platform != "linux", reason="nothing is forked elsewhere")
def test_a_script_cannot_tell_how_it_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = script(tmp_path, TELLS)
    anew = told(path, "anew", monkeypatch)
    assert "'torch._dynamo', 'sympy'" in anew and anew.startswith("[] ")
    for kind in ("numpy", "torch"):
        assert told(path, kind, monkeypatch) == anew
    late = Path(f"{path}.late").read_text(encoding="utf-8").splitlines()
    assert len(late) == 3 and set(late) == {"2.0"}, "what it asks for at its end is done, with the libraries"
    loop = "w = 1.0\nfor t in range(2):\n    loss = w * w\n    w -= 0.1 * w\n"
    source = f"import sys, numpy\n{loop}print(numpy.random.rand())\nsys.exit(3)\n"
    draws = script(tmp_path, source, "draws.py")
    assert told(draws, "numpy", monkeypatch, None) != told(draws, "numpy", monkeypatch, None), "without a seed"


NOTED = "STEPPER_NOTED_BY_A_TEST"


@pytest.fixture
def noted_before() -> bool:
    """Whether a fixture of an earlier test has left something in the environment; this one does."""
    there = NOTED in os.environ
    os.environ[NOTED] = "by torch, when it first makes an optimizer"
    return there


@pytest.mark.parametrize("time", [1, 2])
def test_a_test_finds_the_environment_that_processes_are_forked_with(time: int, noted_before: bool) -> None:
    assert not noted_before, f"what the one before number {time} noted is gone"
