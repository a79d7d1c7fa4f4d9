"""Scripts that are opened to have their gradients checked, and what came of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import stepper
from stepper.session.check.gradient_check import GradientCheck, ParameterCheck, Verdict
from stepper.session.notebook import Run
from tests.session.support import script

# A function whose gradient is right by a `factor` of 2 only
TWICE = """
import torch

class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, grad):
        return {factor} * grad
"""


@contextmanager
def opened(folder: Path, text: str) -> Iterator[Run]:
    with stepper.open(script(folder, text), seed=0) as run:
        yield run


def named(found: GradientCheck) -> dict[str, ParameterCheck]:
    return {each.name: each for each in found.parameters}


def verdicts(found: GradientCheck) -> dict[str, Verdict]:
    return {each.name: each.verdict for each in found.parameters}
