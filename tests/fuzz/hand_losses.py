"""Losses written out, and their gradients by what the network puts out."""

from __future__ import annotations

from dataclasses import dataclass

from tests.fuzz.dialects import NUMPY, Dialect
from tests.fuzz.script import Pen

Lines = list[tuple[str, str]]
"""Lines, each with its phase, or without (`""`)."""


@dataclass(frozen=True)
class Loss:
    """`targets` are of `outputs` columns. The lines of `forward` bind `loss`, or what is given as its name, from `out`
    and `y`; those of `backward` bind `dout`. Both may use `n`, the number of samples."""

    kind: str
    outputs: int
    targets: str
    forward: Lines
    backward: Lines


def drawn_loss(pen: Pen, dialect: Dialect) -> Loss:
    return pen.pick(_squares, _squares, _softmax, _softmax, _logistic, _hinge)(pen, dialect)


def _draws(pen: Pen, dialect: Dialect, kind: str, shape: str) -> str:
    """An expression for random numbers of a shape: normal ones, uniform ones, or integers below a bound."""
    if dialect is NUMPY:
        return {"normal": f"rng.normal(size=({shape}))", "uniform": f"rng.random(({shape}))"}[kind]
    return {"normal": f"torch.randn({shape})", "uniform": f"torch.rand({shape})"}[kind]


def _squares(pen: Pen, dialect: Dialect) -> Loss:
    m, outputs = dialect.module, pen.pick(1, 2, 3)
    squares = pen.pick("(out - y) ** 2", f"{m}.square(out - y)", "(y - out) ** 2")
    size = dialect.count.format(x="y")
    loss, gradient = pen.pick(
        (pen.pick(f"({squares}).sum()", f"{m}.sum({squares})"), pen.pick("2 * (out - y)", "2.0 * (out - y)")),
        (pen.pick(f"({squares}).mean()", f"{m}.mean({squares})"), f"2 * (out - y) / {size}"),
        (f"0.5 * {m}.sum({squares}) / n", "(out - y) / n"),
        (f"({squares}).sum() / n", pen.pick("2 / n * (out - y)", "-2 * (y - out) / n")),
    )
    targets = _draws(pen, dialect, "normal", f"n, {outputs}")
    return Loss("squares", outputs, targets, [(f"loss = {loss}", "loss")], [(f"dout = {gradient}", "backward")])


def _softmax(pen: Pen, dialect: Dialect) -> Loss:
    m, outputs, rows = dialect.module, pen.pick(2, 3, 4), f"{dialect.module}.arange(n)"
    largest = "out.max(axis=1, keepdims=True)" if dialect is NUMPY else "out.amax(dim=1, keepdim=True)"
    forward: Lines = [
        (f"e = {m}.exp(out - {largest})", ""),
        ("probs = e / e.sum(axis=1, keepdims=True)", ""),
    ]
    if pen.chance(0.5):
        loss = pen.pick(f"-{m}.log(probs[{rows}, y]).mean()", f"-{m}.sum({m}.log(probs[{rows}, y])) / n")
        targets = f"rng.integers(0, {outputs}, n)" if dialect is NUMPY else f"torch.randint(0, {outputs}, (n,))"
        backward: Lines = [
            (f"dout = {dialect.copied.format(x='probs')}", "backward"),
            (f"dout[{rows}, y] -= 1", "backward"),
            (pen.pick("dout /= n", "dout = dout / n"), "backward"),
        ]
    else:
        loss = pen.pick(f"-(y * {m}.log(probs)).sum() / n", f"-{m}.sum(y * {m}.log(probs + 1e-12)) / n")
        eye = f"{m}.eye({outputs})"
        drawn = f"rng.integers(0, {outputs}, n)" if dialect is NUMPY else f"torch.randint(0, {outputs}, (n,))"
        targets = f"{eye}[{drawn}]"
        backward = [("dout = (probs - y) / n", "backward")]
    return Loss("softmax", outputs, targets, [*forward, (f"loss = {loss}", "loss")], backward)


def _logistic(pen: Pen, dialect: Dialect) -> Loss:
    m = dialect.module
    likelihood = f"y * {m}.log(p) + (1 - y) * {m}.log(1 - p)"
    loss = pen.pick(f"-({likelihood}).mean()", f"-{m}.sum({likelihood}) / n")
    backward: Lines = [("dout = (p - y) / n", "backward")]
    if pen.chance(0.4):
        backward = [("dp = -(y / p - (1 - y) / (1 - p)) / n", "backward"), ("dout = dp * p * (1 - p)", "backward")]
    targets = f"({_draws(pen, dialect, 'uniform', 'n, 1')} > 0.5) * 1.0"
    forward: Lines = [(f"p = 1 / (1 + {m}.exp(-out))", ""), (f"loss = {loss}", "loss")]
    return Loss("logistic", 1, targets, forward, backward)


def _hinge(pen: Pen, dialect: Dialect) -> Loss:
    m = dialect.module
    margins = "np.maximum(0, 1 - y * out)" if dialect is NUMPY else "(1 - y * out).clamp(min=0)"
    forward: Lines = [
        (f"margins = {margins}", ""),
        (pen.pick("loss = margins.mean()", f"loss = {m}.sum(margins) / n"), "loss"),
    ]
    gradient = pen.pick("-y * (margins > 0) / n", f"{m}.where(margins > 0, -y, 0) / n")
    targets = f"{m}.sign({_draws(pen, dialect, 'normal', 'n, 1')})"
    return Loss("hinge", 1, targets, forward, [(f"dout = {gradient}", "backward")])
