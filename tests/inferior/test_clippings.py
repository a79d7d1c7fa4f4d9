"""Gradients that are clipped behind the step are pointed out; those that a step uses are not."""

import pytest

from stepper.record import CLIPPED
from tests.engines.recorded import run_recorded
from tests.engines.scripts import script

CLIP = "torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)"


@pytest.mark.parametrize(
    ("lines", "late"),
    [
        (["optimizer.step()", CLIP], True),
        (["optimizer.step()", f"norm = {CLIP}.item()"], True),
        ([CLIP, "optimizer.step()"], False),
        (["optimizer.step()", CLIP, "other.step()"], False),
        (["if t == 0:\n                optimizer.step()", CLIP], False),
        (["optimizer.step()", CLIP, "net.bias.data -= 0.1 * net.bias.grad"], False),
    ],
)
def test_a_clipping_behind_the_step_is_told(lines: list[str], late: bool) -> None:
    text = """
        torch.manual_seed(0)
        net, x = nn.Linear(3, 1), torch.randn(4, 3)
        optimizer, other = (torch.optim.SGD([each], lr=0.1) for each in (net.weight, net.bias))
        for t in range(2):
            net.zero_grad()
            loss = net(x).pow(2).mean()
            loss.backward()
            LINES
        """
    text = text.replace("LINES", "\n            ".join(lines))
    events = run_recorded(script(text)).records[1].events
    found = [event.text for event in events if event.note.startswith(CLIPPED)]
    assert found == ([lines[1]] if late else [])
