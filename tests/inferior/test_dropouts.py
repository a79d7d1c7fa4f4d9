"""Dropouts that drop in an evaluation are pointed out; those of a pass that trains, or of its targets, are not."""

import pytest

from stepper.record import DROPPED
from tests.engines.recorded import run_recorded
from tests.engines.scripts import script

EVALUATED = """
    torch.manual_seed(0)
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(3, 8), nn.Linear(8, 1)
            self.drop = nn.Dropout({p})
        def forward(self, x):
            h = {dropped}
            return self.b(h)
    net, x, y, held_out = Net(), torch.randn(6, 3), torch.rand(6, 1), torch.randn(5, 3)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for t in range(2):
        net.train()
        with torch.no_grad():
            target = net(x).sigmoid()
        p = net(x)
        loss = F.mse_loss(p, y) + F.mse_loss(p, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        {mode}
        with torch.no_grad():
            for _ in range(2):
                error = net(held_out).abs().mean().item()
    """
BY_LAYER = "net.drop drops while gradients are off, as in an evaluation: model.eval() ends that"
BY_FUNCTION = "F.dropout drops while gradients are off, as in an evaluation: training=self.training ends that"


@pytest.mark.parametrize(
    ("dropped", "p", "mode", "said"),
    [
        ("self.drop(self.a(x))", 0.5, "pass", {"error = net(held_out).abs().mean().item()": BY_LAYER}),
        ("self.drop(self.a(x))", 0.5, "net.eval()", {}),
        ("self.drop(self.a(x))", 0.0, "pass", {}),
        ("F.dropout(self.a(x), 0.5)", 0.0, "net.eval()", {"h = F.dropout(self.a(x), 0.5)": BY_FUNCTION}),
        ("F.dropout(self.a(x), 0.5, self.training)", 0.0, "net.eval()", {}),
    ],
)
def test_a_dropout_that_is_on_in_an_evaluation_is_told(dropped: str, p: float, mode: str, said: dict[str, str]) -> None:
    events = run_recorded(script(EVALUATED.format(dropped=dropped, p=p, mode=mode))).records[1].events
    found = [(event.text, event.note) for event in events if event.note.startswith(DROPPED)]
    assert found == 2 * [(text, DROPPED + note) for text, note in said.items()], "each time"
