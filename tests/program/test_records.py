"""Whether `p.data` is what an object of the script's own keeps, or once more the values of a tensor."""

import pytest

from stepper.program.program import analyse

KEPT = """
class Kept:
    def __init__(self, data):
        self.data, self.grad = data, 0.0
    def {method}(self, other):
        return other
for t in range(3):
    loss = compute()
"""


@pytest.mark.parametrize(
    ("first", "method", "keeps"),
    [
        ("import numpy as np", "show", True),
        ("import numpy as np", "__add__", False),
        ("import numpy as np", "backward", False),
        ("import torch.nn as nn", "show", False),
        ("from pytorch_lightning import Trainer", "show", False),
    ],
)
def test_data_is_an_objects_own_where_that_does_no_arithmetic_and_no_tensors_are_there(
    first: str, method: str, keeps: bool
) -> None:
    program = analyse(f"{first}\n{KEPT.format(method=method)}", "script.py", loop="none")
    assert program.keeps_data is keeps
    assert analyse(f"{first}\nfor t in range(3):\n    loss = compute()\n", "script.py", loop="none").keeps_data is False
