"""Where the lines of a network by hand stand: in the loop itself, in functions over dicts, or in a class."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.fuzz.dialects import Dialect
from tests.fuzz.hand_losses import Lines
from tests.fuzz.hand_networks import Network, backward, drawn_network, forward, initial, penalty
from tests.fuzz.hand_training import Structure, trained
from tests.fuzz.script import Pen

OF_LOSS = re.compile(r"\b(out|probs|p|margins)\b")
"""What the loss leaves for the backward pass."""


def write(pen: Pen, lines: Lines) -> None:
    for line, phase in lines:
        pen.line(line, phase)


def straight(pen: Pen, dialect: Dialect) -> None:
    """All of it in the loop, under names of its own."""
    net = drawn_network(pen, dialect)
    names = [f"{letter}{layer}" for layer in net.layers for letter in "Wb"]

    def spell(letter: str, layer: int) -> str:
        return "x" if (letter, layer) == ("a", 0) else f"{letter}{layer}"

    def setup() -> None:
        for layer in net.layers:
            weight, bias = initial(pen, net, layer)
            pen.line(f"W{layer} = {weight}\nb{layer} = {bias}")
            for letter in net.optimizer.kept:
                for name in (f"W{layer}", f"b{layer}"):
                    pen.line(f"{letter}{name} = {dialect.module}.zeros_like({name})")

    def one_pass() -> None:
        write(pen, forward(pen, net, spell))
        write(pen, [*net.loss.forward, *penalty(net, spell), *net.loss.backward])
        write(pen, backward(pen, net, spell))

    def update() -> None:
        for name in names if pen.chance(0.5) else reversed(names):
            for line in net.optimizer.step(name, f"d{name}", f"v{name}", f"s{name}"):
                pen.line(line, "update" if line.startswith(name) else "")

    hidden = list(net.layers)[:-1]
    roles = {
        "parameter": names,
        "gradient": [*(f"d{name}" for name in names), *(f"dz{layer}" for layer in hidden)],
        "activation": [f"{letter}{layer}" for layer in hidden for letter in "za"],
        "data": ["X", "Y"],
        "loss": ["loss"],
    }
    trained(pen, Structure(net, setup, one_pass, update, {name: (name, f"d{name}") for name in names}))
    for role, labels in roles.items():
        pen.role(role, labels)


def in_functions(pen: Pen, dialect: Dialect) -> None:
    """Functions of a dict of parameters, which give a dict of gradients."""
    net = drawn_network(pen, dialect)
    cached = pen.chance(0.6)

    def spell(letter: str, layer: int) -> str:
        if letter in ("W", "b"):
            return f'params["{letter}{layer}"]'
        if letter in ("dW", "db"):
            return f'grads["{letter[1:]}{layer}"]'
        if letter in "zadm" and cached:
            return f'cache["{letter}{layer}"]'
        return "x" if (letter, layer) == ("a", 0) else f"{letter}{layer}"

    names = [f"{letter}{layer}" for layer in net.layers for letter in "Wb"]
    kept = sorted({spell(each, layer) for layer in list(net.layers)[:-1] for each in _needed(net, layer)})

    def setup() -> None:
        pen.line("params = {}")
        for layer in net.layers:
            weight, bias = initial(pen, net, layer)
            pen.line(f'params["W{layer}"] = {weight}\nparams["b{layer}"] = {bias}')
        for letter in net.optimizer.kept:
            pen.line(f"{letter} = {{k: {dialect.module}.zeros_like(p) for k, p in params.items()}}")
        with pen.block("def forward(params, x):"):
            if cached:
                pen.line('cache = {"a0": x}')
            write(pen, forward(pen, net, spell))
            pen.line("return out, cache" if cached else f"return out, ({', '.join(['x', *kept])},)")
        with pen.block("def loss_and_gradient(out, y):"):
            pen.line("n = len(y)")
            write(pen, [*net.loss.forward, *net.loss.backward])
            pen.line("return loss, dout")
        with pen.block("def backward(params, cache, dout):"):
            pen.line("grads = {}")
            if not cached:
                pen.line(f"{', '.join(['x', *kept])}, = cache")
            write(pen, backward(pen, net, spell))
            pen.line("return grads")

    def one_pass() -> None:
        pen.line("out, cache = forward(params, x)", "forward")
        pen.line("loss, dout = loss_and_gradient(out, y)")
        write(pen, penalty(net, spell))
        pen.line("grads = backward(params, cache, dout)", "backward")

    def update() -> None:
        if net.optimizer.rule == "sgd" and pen.chance(0.25):
            pen.line("params = {k: p - lr * grads[k] for k, p in params.items()}", "update")
            return
        with pen.block(f"for k in {pen.pick('params', 'grads', 'sorted(params)')}:"):
            for line in net.optimizer.step("params[k]", "grads[k]", "v[k]", "s[k]"):
                pen.line(line, "update" if line.startswith("params") else "")

    told = {name: (f'params["{name}"]', f'grads["{name}"]') for name in names}
    trained(pen, Structure(net, setup, one_pass, update, told))
    pen.role("gradient", [f'grads["{name}"]' for name in names])
    pen.role("parameter", [f'params["{name}"]' for name in names])


def _needed(net: Network, layer: int) -> str:
    """The letters of what a hidden layer leaves for the backward pass."""
    return "zadm" if layer in net.dropped else "za"


def in_class(pen: Pen, dialect: Dialect) -> None:
    """A class whose methods leave everything in attributes."""
    net = drawn_network(pen, dialect)
    local = pen.chance(0.5)

    def spell(letter: str, layer: int) -> str:
        if (letter, layer) == ("a", 0):
            return "self.x"
        return f"{letter}{layer}" if local and letter in ("da", "dz") else f"self.{letter}{layer}"

    def own(lines: Lines) -> Lines:
        return [(OF_LOSS.sub(r"self.\1", line), phase) for line, phase in lines]

    def setup() -> None:
        with pen.block("class Network:"):
            with pen.block("def __init__(self):"):
                for layer in net.layers:
                    weight, bias = initial(pen, net, layer)
                    pen.line(f"self.W{layer} = {weight}\nself.b{layer} = {bias}")
                for name in (f"{letter}{layer}" for layer in net.layers for letter in "Wb"):
                    for letter in net.optimizer.kept:
                        pen.line(f"self.{letter}{name} = {dialect.module}.zeros_like(self.{name})")
            with pen.block("def forward(self, x):"):
                pen.line("self.x = x")
                write(pen, own(forward(pen, net, spell)))
                pen.line("return self.out")
            with pen.block("def loss(self, y):"):
                pen.line("n = len(y)")
                write(pen, [*own(net.loss.forward), *penalty(net, spell)])
                pen.line("return loss")
            with pen.block("def backward(self, y):"):
                pen.line("n = len(y)")
                write(pen, own(net.loss.backward))
                write(pen, backward(pen, net, spell))
            with pen.block("def step(self, lr, t):"):
                for name in (f"{letter}{layer}" for layer in net.layers for letter in "Wb"):
                    whole = [f"self.{each}" for each in (name, f"d{name}", f"v{name}", f"s{name}")]
                    for line in net.optimizer.step(*whole):
                        pen.line(line, "update" if line.startswith(f"self.{name}") else "")
        pen.line("net = Network()")

    def one_pass() -> None:
        pen.line("net.forward(x)", "forward")
        pen.line("loss = net.loss(y)", "loss")
        pen.line("net.backward(y)", "backward")

    names = [f"{letter}{layer}" for layer in net.layers for letter in "Wb"]
    told = {name: (f"net.{name}", f"net.d{name}") for name in names}
    trained(pen, Structure(net, setup, one_pass, lambda: pen.line("net.step(lr, t)", "update"), told))
    pen.role("gradient", [f"self.d{name}" for name in names])
    pen.role("parameter", [f"self.{name}" for name in names])
    pen.role("activation", [f"self.{letter}{layer}" for layer in list(net.layers)[:-1] for letter in "za"])


STRUCTURES: tuple[Callable[[Pen, Dialect], None], ...] = (straight, in_functions, in_class)
