"""How far single lines moved parameters."""

import numpy
import pytest

from tests.inferior.running import run

SEVERAL = """
{imports}
x = np.linspace(-1.0, 1.0, 12).reshape(4, 3)
w, b = {begin}
for t in range(2):
    error = x @ w + b - 9 * x[:, 0]
    loss = (error ** 2).mean()
    dw, db = x.T @ error, error.sum()
    w -= 0.5 * dw
    w *= 0.9
    {clip}
    b -= 0.1 * db
"""
CLIPS = {
    "np.clip(w, -0.2, 0.3, out=w)": "np",
    "w.clip(-0.2, 0.3, out=w)": "np",
    "w[:] = np.clip(w, -0.2, 0.3)": "np",
    "w.clamp_(-0.2, 0.3)": "torch",
}


@pytest.mark.parametrize("clip", CLIPS)
def test_each_of_several_lines_that_move_a_parameter_tells_how_far_it_did(clip: str) -> None:
    imports, begin = "import numpy as np", "np.array([1.0, 0.5, -1.0]), np.zeros(1)"
    if CLIPS[clip] == "torch":
        pytest.importorskip("torch")
        imports, begin = "import numpy as np, torch", f"(torch.tensor(each) for each in ({begin}))"
        begin += "\nx = torch.tensor(x)"
    ran = run(SEVERAL.format(imports=imports, begin=begin, clip=clip))
    lines = ["w -= 0.5 * dw", "w *= 0.9", clip]
    moved = [ran.event(line, 1).moved for line in lines]
    assert [[each.label for each in found] for found in moved] == [["w"]] * 3
    steps = [ran.array(found[0], 1) for found in moved]
    for line, step in zip(lines, steps, strict=True):
        around = {each.when: ran.array(each, 1) for each in ran.event(line, 1).values if each.label == "w"}
        assert (step == around["after"] - around["before"]).all() and step.any()
    net = ran.array(ran.parameter("w", 1).update, 1)
    numpy.testing.assert_allclose(sum(steps), net, atol=1e-15)
    assert not ran.event("b -= 0.1 * db", 1).moved, "that is all that moved b, which its own update tells"


def test_what_an_optimizer_by_hand_moves_under_a_name_of_its_own_is_told_too() -> None:
    pytest.importorskip("torch")
    ran = run(
        """
        import torch
        class Descent:
            def __init__(self, parameters):
                self.all = list(parameters)
            def step(self):
                for q in self.all:
                    q.data.sub_(0.1 * q.grad)
                    q.data.mul_(0.99)
                    q.grad = None
        w = torch.tensor([1.0, 2.0], requires_grad=True)
        descent = Descent([w])
        for t in range(2):
            loss = (w ** 2).sum()
            loss.backward()
            descent.step()
        """
    )
    lines = ["q.data.sub_(0.1 * q.grad)", "q.data.mul_(0.99)"]
    moved = [found for line in lines for found in ran.event(line, 1).moved]
    assert [found.label for found in moved] == ["q.data"] * 2
    update = ran.array(ran.parameter("w", 1).update, 1)
    numpy.testing.assert_allclose(sum(ran.array(found, 1) for found in moved), update, atol=1e-15)
