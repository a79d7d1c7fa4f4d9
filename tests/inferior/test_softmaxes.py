"""Weights that sum to 1 along another axis than they are summed along are pointed out, and softmaxes of one entry."""

import pytest

from stepper.record import SOFTMAX
from tests.engines.recorded import run_recorded
from tests.engines.scripts import script

ATTENTION = """
    torch.manual_seed(0)
    net, x = nn.ModuleList(nn.Linear(4, 4) for _ in range(3)), torch.randn(2, 6, 4)
    softmax, dropout, theta = nn.Softmax(dim=1), nn.Dropout(0.2), nn.Parameter(torch.randn(6, 6))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for t in range(2):
        q, k, v = (layer(x) for layer in net)
        scores = q @ k.transpose(-2, -1)
        {weights}
        out = {product}
        loss = (out - x).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    """
BY_HAND = """
    import numpy as np
    numbers = np.random.default_rng(0)
    x, u, w = numbers.normal(size=(7, 4)), numbers.normal(size=(4, 4)), numbers.normal(size=(4, 4))
    for t in range(2):
        s = x @ u @ x.T
        e = np.exp(s - s.max({axis}, keepdims=True))
        a = e / e.sum({axis}, keepdims=True)
        d = a @ (x @ w) - x
        loss = (d ** 2).mean()
        w -= 0.1 * x.T @ (a.T @ d)
    """
SCORES_ALONE = "softmax: a (2, 6, 6) sums to 1 along axis 1 (line {}), but is summed along axis 2"


def told(text: str) -> dict[str, str]:
    events = run_recorded(script(text)).records[1].events
    return {event.text: event.note for event in events if event.note.startswith(SOFTMAX)}


@pytest.mark.parametrize(
    ("weights", "product", "said"),
    [
        ("a = scores.softmax(1)", "a @ v", SCORES_ALONE),
        ("a = softmax(scores)", "torch.bmm(a, v)", SCORES_ALONE),
        ("a = dropout(F.softmax(scores / 2, dim=1))", "a.matmul(v)", SCORES_ALONE),
        ("a = torch.softmax(q @ k.transpose(-1, -2) / 2, dim=-2)", "(a @ v).clone()", SCORES_ALONE),
        ("a = scores.softmax(1).transpose(1, 2).contiguous()", "a @ v", ""),
        ("a = scores.softmax(1)", "a.transpose(1, 2).relu() @ v", ""),
        ("a = scores.softmax(-1)", "a @ v", ""),
        ("a = dropout(scores.softmax(-1))", "a @ v", ""),
        ("a = scores.softmax(1)", "(v.transpose(1, 2) @ a).transpose(1, 2)", ""),
        ("a = scores.softmax(-1)", "a.transpose(1, 2) @ v", ""),
        ("a = scores.softmax(1)", "(a / a.sum(2, keepdim=True)) @ v", ""),
        ("a = theta.softmax(0)", "a @ v", ""),
        ("a = F.one_hot(scores.argmax(1), 6).float() + 0 * scores.softmax(1)", "a @ v", ""),
    ],
)
def test_attention_along_the_wrong_axis_is_told_where_its_weights_are_summed(
    weights: str, product: str, said: str
) -> None:
    text = ATTENTION.format(weights=weights, product=product)
    found = told(text)
    line = 1 + script(text).split("\n").index(f"    {weights}")
    assert found == ({f"out = {product}": said.format(line)} if said else {})


@pytest.mark.parametrize("axis", [0, 1])
def test_a_softmax_by_hand_is_known_by_its_numbers(axis: int) -> None:
    found = told(BY_HAND.format(axis=axis))
    assert [note.partition(" (line")[0] for note in found.values()] == (
        [] if axis else ["softmax: a (7, 7) sums to 1 along axis 0"]
    )


def test_along_an_axis_of_one_entry_nothing_is_learnt() -> None:
    """Of a loop over a sequence the first entry alone has only itself to attend to."""
    found = told("""
        torch.manual_seed(0)
        net, x, y, ones = nn.Linear(5, 1), torch.randn(8, 5), torch.zeros(8).long(), torch.rand(8, 1)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        for t in range(2):
            z = net(x)
            p = F.softmax(z, dim=1)
            for n in range(1, 4):
                a = F.softmax(z[:n].T.repeat(2, 1), dim=1)
            loss = F.cross_entropy(z, y) + (p * ones).mean()
            right = F.cross_entropy(torch.cat([z, -z], 1), y)
            optimizer.zero_grad()
            (loss + right).backward()
            optimizer.step()
        """)
    assert {text: note.partition(" it is ")[2][:1] for text, note in found.items()} == {
        "p = F.softmax(z, dim=1)": "1",
        "loss = F.cross_entropy(z, y) + (p * ones).mean()": "0",
    }
