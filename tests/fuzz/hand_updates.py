"""Optimizers written out: the lines of one step of one parameter."""

from __future__ import annotations

from dataclasses import dataclass

from tests.fuzz.script import Pen

STEPS = {
    "sgd": (("{p} -= lr * {g}",), ("{p} = {p} - lr * {g}",), ("{p} += -lr * {g}",)),
    "momentum": (
        ("{v} = 0.9 * {v} - lr * {g}", "{p} += {v}"),
        ("{v} = 0.9 * {v} + {g}", "{p} -= lr * {v}"),
        ("{v} *= 0.9", "{v} += {g}", "{p} = {p} - lr * {v}"),
    ),
    "nesterov": (("{u} = {v}", "{v} = 0.9 * {v} - lr * {g}", "{p} += -0.9 * {u} + 1.9 * {v}"),),
    "adagrad": (("{v} += {g} ** 2", "{p} -= lr * {g} / ({m}.sqrt({v}) + 1e-8)"),),
    "rmsprop": (("{v} = 0.9 * {v} + 0.1 * {g} ** 2", "{p} -= lr * {g} / ({m}.sqrt({v}) + 1e-8)"),),
    "adam": (
        (
            "{s} = 0.9 * {s} + 0.1 * {g}",
            "{v} = 0.999 * {v} + 0.001 * {g} ** 2",
            "{p} -= lr * ({s} / (1 - 0.9 ** t)) / ({m}.sqrt({v} / (1 - 0.999 ** t)) + 1e-8)",
        ),
        (
            "{s} = 0.9 * {s} + 0.1 * {g}",
            "{v} = 0.999 * {v} + 0.001 * {g} * {g}",
            "shat = {s} / (1 - 0.9 ** t)",
            "vhat = {v} / (1 - 0.999 ** t)",
            "{p} = {p} - lr * shat / ({m}.sqrt(vhat) + 1e-8)",
        ),
    ),
}
"""`{p}` is the parameter, `{g}` its gradient, `{v}` and `{s}` what is kept, `{u}` a passing name, `t` counts from 1."""


@dataclass(frozen=True)
class Optimizer:
    """A rule, in one of its forms; `kept` are the letters of what it keeps for each parameter."""

    rule: str
    lines: tuple[str, ...]
    module: str

    @property
    def kept(self) -> tuple[str, ...]:
        return tuple(each for each in "vs" if any(f"{{{each}}}" in line for line in self.lines))

    def step(self, parameter: str, gradient: str, v: str, s: str) -> list[str]:
        """The lines of one parameter's step."""
        return [line.format(p=parameter, g=gradient, v=v, s=s, u="last", m=self.module) for line in self.lines]


def drawn_optimizer(pen: Pen, module: str) -> Optimizer:
    rule = pen.pick("sgd", "sgd", "sgd", *STEPS)
    return Optimizer(rule, pen.pick(*STEPS[rule]), module)
