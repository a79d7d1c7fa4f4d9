"""Numbers that objects keep are called by those objects, whatever library they are of."""

from pathlib import Path

import stepper

SCRIPT = """
import numpy as np
class Value:
    def __init__(self, data):
        self.data, self.grad = data, 0.0
class Neuron:
    def __init__(self):
        self.w = [Value(0.5), Value(-0.25)]
neuron = Neuron()
x = np.array([1.0, 2.0])
for t in range(3):
    loss = sum(w.data * x[i] for i, w in enumerate(neuron.w)) ** 2
    for i, p in enumerate(neuron.w):
        p.grad = 2 * np.sqrt(loss) * x[i]
    for p in neuron.w:
        p.data -= 0.0625 * p.grad
"""


def test_numbers_that_become_a_library_s_keep_their_names(tmp_path: Path) -> None:
    path = tmp_path / "neuron.py"
    path.write_text(SCRIPT)
    with stepper.open(path) as run:
        for number in (0, 2):
            names = [parameter.name for parameter in run.iteration(number).parameters]
            assert names == ["neuron.w[0]", "neuron.w[1]"]
