"""Which of an iteration's losses a gradient is that of, by the backward passes that made it."""

from __future__ import annotations

from stepper.session.check.readings import known
from stepper.session.findings.whose_loss import contributions, losses
from tests.engines.recorded import run_recorded
from tests.engines.scripts import script

PASSES = """
    a, b, c = (torch.randn(3, requires_grad=True) for _ in range(3))
    early, late = torch.optim.SGD([a], lr=0.1), torch.optim.SGD([b, c], lr=0.1)
    for t in range(2):
        early.zero_grad()
        late.zero_grad()
        first = (a * b).sum()
        first.backward()
        early.step()
        second = (a * c).sum(){further}
        second.backward()
        (b * c).sum().backward()
        late.step()
    """


def found(further: str = "") -> dict[str, tuple[int, ...]]:
    record = run_recorded(script(PASSES.format(further=further))).records[1]
    return {name: losses(record, contributions(record, name)) for name in "abc"}


def test_a_gradient_is_that_of_the_passes_before_its_step() -> None:
    assert found() == {"a": (0,), "b": (0, 2), "c": (1, 2)}


def test_of_two_losses_that_are_one_number_it_is_not_known_which() -> None:
    assert found("; second = second - second.detach() + first.detach()") == {"a": (), "b": (), "c": ()}


def test_losses_that_another_stands_between_are_added_up_without_it() -> None:
    values = [1.0, 10.0, 100.0]
    assert [[(read(values), what) for read, what in known(3, places)] for places in ((0, 2), (1, 2), (2,))] == [
        [(101.0, "the sum of losses 1, 3 of 3")],
        [(110.0, "the sum of losses 2 to 3 of 3")],
        [(100.0, "")],
    ]
