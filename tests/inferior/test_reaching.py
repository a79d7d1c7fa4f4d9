"""Where a parameter is found while the script stands at a head."""

from __future__ import annotations

from collections.abc import Callable

from stepper.inferior.reaching import reach
from stepper.record import Summary


class Number:
    def __init__(self, data: float) -> None:
        self.data = data
        self.back: Callable[[], float] = lambda: self.data


def test_what_a_closure_holds_does_not_hide_the_name_of_a_number() -> None:
    weights = [Number(0.25), Number(0.5)]
    layers = [[weights]]
    loss = Number(1.0)
    last = weights[1]
    loss.back = lambda: last.data  # nearer to the root than `layers[0][0][1]`

    like = Summary(kind="scalar", type="float", value=0.5)
    reached = reach("layers[0][0][1]", like, [], [{"loss": loss, "layers": layers}], [])
    assert reached.write(0, 2.0) == 2.0 and weights[1].data == 2.0
