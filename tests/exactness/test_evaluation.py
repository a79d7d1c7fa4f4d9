"""Evaluating expressions of recorded values changes no bit of the run that goes on, whatever they do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import stepper
from tests.session.support import script

# In place, drawn from both generators, warned of by NumPy, and printed by nobody
MEDDLING = (
    "w.__imul__(0)", "x.fill(7)", "np.random.rand(3)", "np.random.seed(1)", "random.random()", "np.mean([])",
    "print('noise')", "breakpoint()", "input()", "exit()",
    "net.weight.mul_(0)", "torch.rand(2)", "torch.manual_seed(3)", "loss.backward()", "torch.ones(1).log().sqrt()",
)  # fmt: skip
RUN = """
import random, warnings
import numpy as np
import torch
random.seed(1); np.random.seed(2); torch.manual_seed(4)
x = np.ones(3); w = np.ones(3); net = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for t in range(4):
    x = np.random.rand(3) + random.random()
    loss = (net(torch.tensor(x, dtype=torch.float32)) * torch.rand(1)).sum() ** 2
    optimizer.zero_grad(); loss.backward(); optimizer.step()
    w = w * 0.9 + np.nan_to_num(np.mean([]))
    print(t, repr(float(loss)), x.tolist(), w.tolist(), net.weight.tolist())
"""


def test_whatever_an_expression_does_the_run_goes_on_as_under_plain_python(tmp_path: Path) -> None:
    path = script(tmp_path, RUN)
    plain = subprocess.run([sys.executable, path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    failed = []
    with stepper.open(path) as run:
        run.iteration(1)
        for each in MEDDLING:
            for number in (0, 1):
                try:
                    run.iteration(number).evaluate(each)
                except LookupError:
                    failed.append(each)
        run.run()
        printed = run.session.output()
    assert failed == ["loss.backward()"] * 2  # a copy has no graph
    assert plain.stdout.count("Mean of empty slice") == 1
    assert sorted(printed.splitlines()) == sorted(plain.stdout.splitlines())
