"""Random small graphs: recording changes no bit and leaves no hook, formulas hold, contributions add up."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engines.checks import assert_adds_up, assert_formulas
from tests.engines.hooks import nothing_left_behind
from tests.engines.recorded import assert_same_bits
from tests.engines.scripts import script

UNARY = (
    "{0}.tanh()",
    "{0}.sigmoid()",
    "{0}.relu()",
    "{0}.clamp(min=0)",
    "F.gelu({0})",
    "F.silu({0})",
    "F.leaky_relu({0}, 0.1)",
    "{0}.softmax(-1)",
    "{0}.log_softmax(0)",
    "{0}.t()",
    "{0}.exp().clamp(max=9.0)",
    "-{0}",
    "{0} * 0.5",
    "{0} / 3",
    "1 - {0}",
    "{0}.pow(2) / 4",
    "{0}.abs()",
    "{0} - {0}.mean()",
    "{0} - {0}.mean(0)",
    "{0} * {0}.sum(1, keepdim=True).tanh()",
    "F.layer_norm({0}, (4,))",
    "{0}[torch.tensor([2, 0, 0, 3])]",
    "torch.cat([{0}[:2], {0}[1:3]])",
    "{0}.reshape(2, 8).reshape(4, 4)",
    "{0}.view(2, 2, 4).transpose(0, 1).reshape(4, 4)",
    "{0}.masked_fill(mask, 0.0)",
    "{0}.clone().relu_()",
    "F.leaky_relu({0} + 1, 0.2, inplace=True)",
    "F.elu({0})",
    "F.selu({0})",
    "F.softplus({0})",
    "F.dropout({0}, 0.3)",
    "{0} + {0}.max(1, keepdim=True).values",
    "{0} - {0}.logsumexp(0)",
    "{0} * {0}.std(1, keepdim=True)",
    "torch.cat({0}.split(2, 1)[::-1], 1)",
    "{0} * {0}.unbind(0)[1]",
    "{0}.sort(1).values",
    "F.normalize({0} + 1)",
    "{0}.cumsum(0)",
    "{0}.detach() * 2",
)
BINARY = (
    "{0} + {1}",
    "{0} - {1}",
    "{0} * {1}",
    "{0} / (1 + {1} * {1})",
    "{0} @ {1}",
    "{0}.mm({1}).tanh()",
    "torch.addmm(v, {0}, {1})",
    "torch.maximum({0}, {1})",
    "torch.where(mask, {0}, {1})",
    "{0} + {1}[0]",
    "{0} * v + {1}",
    "F.linear({0}, {1}, v)",
    "torch.stack([{0}, {1}]).sum(0)",
    "{0} + F.mse_loss({0}, {1})",
)
LEAVES = ("w1", "w2", "x")
UPDATES = (
    "torch.optim.SGD([w1, w2, v], lr=0.01)",
    "torch.optim.SGD([w1, w2, v], lr=0.01, momentum=0.9, nesterov=True)",
    "torch.optim.Adam([w1, w2, v], lr=0.01)",
    "torch.optim.RMSprop([w1, w2, v], lr=0.01)",
)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[list[str], str, bool]:
    """Statements `h1 = …`, `h2 = …` over what came before them; the optimizer; whether gradients are zeroed."""
    names, lines = list(LEAVES), []
    for number in range(draw(st.integers(1, 6))):
        template = draw(st.sampled_from(UNARY + BINARY))
        first, second = draw(st.sampled_from(names)), draw(st.sampled_from(names))
        name = draw(st.sampled_from([f"h{number}", *[each for each in names if each.startswith("h")]]))
        lines.append(f"{name} = {template.format(first, second)}")
        if name not in names:
            names.append(name)
    return lines, draw(st.sampled_from(UPDATES)), draw(st.booleans())


def training(lines: list[str], optimizer: str, zeroed: bool) -> str:
    body = "\n            ".join([*lines, f"out = {lines[-1].partition(' = ')[0]} * w1 + w2 * v"])
    return script(
        f"""
        torch.set_default_dtype(torch.float64)
        w1, w2, v = (torch.randn(shape).requires_grad_() for shape in ((4, 4), (4, 4), (4,)))
        x, y, mask = torch.randn(4, 4), torch.randn(4, 4), torch.rand(4, 4) > 0.5
        optimizer = {optimizer}
        for t in range(2):
            {body}
            loss = F.mse_loss(out, y)
            {"optimizer.zero_grad()" if zeroed else "pass"}
            loss.backward()
            optimizer.step()
        torch.set_default_dtype(torch.float32)
        """
    )


@given(bodies())
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
def test_a_random_graph(body: tuple[list[str], str, bool]) -> None:
    with nothing_left_behind() as checked:
        run = assert_same_bits(training(*body))
    assert all(checked[1:])
    for iteration in (0, 1):
        record = run.records[iteration]
        assert assert_adds_up(run, record) == 3
        assert assert_formulas(run, record, generic=True) >= 3
