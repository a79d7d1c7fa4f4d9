"""Phases in a script that brings an engine of its own: numbers that keep a gradient, and how to hand it on."""

from __future__ import annotations

from tests.inferior.running import run

ENGINE = """
class Number:
    def __init__(self, data, parents=()):
        self.data, self.grad = data, 0.0
        self.parents, self._backward = parents, lambda: None
    def __mul__(self, other):
        out = Number(self.data * other, (self,))
        def _backward():
            self.grad += other * out.grad
        out._backward = _backward
        return out
    def backward(self):
        self.grad = 1.0
        self._backward()
w = Number(0.5)
for t in range(2):
    y = w * 3.0
    loss = y * 2.0
    w.grad = 0.0
    loss.backward()
    y._backward()
    w.data -= 0.1 * w.grad
"""


def test_making_a_number_that_will_have_a_gradient_belongs_to_the_phase_that_makes_it() -> None:
    ran = run(ENGINE)
    made = ["self.data, self.grad = data, 0.0", "self.parents, self._backward = parents, lambda: None"]
    for text in (*made, "out._backward = _backward", "out = Number(self.data * other, (self,))"):
        phases = [event.phase for event in ran.events(1) if event.text == text]
        assert phases == ["forward", "loss"], text


def test_a_closure_is_defined_forward_and_runs_backward() -> None:
    ran = run(ENGINE)
    defined = [event.phase for event in ran.events(1) if event.text.startswith("def _backward")]
    assert defined == ["forward", "loss"]
    for text in ("self.grad += other * out.grad", "w.grad = 0.0", "self.grad = 1.0"):
        assert {event.phase for event in ran.events(1) if event.text == text} == {"backward"}, text
    assert {event.phase for event in ran.events(1, "call") if event.text.startswith("def _backward")} == {"backward"}
