"""Networks by hand whose layers a loop goes through: lists of parameters, or objects with `forward` and `backward`."""

from __future__ import annotations

from collections.abc import Callable

from tests.fuzz.dialects import Activation, Dialect
from tests.fuzz.hand_networks import Network, drawn_network, initial
from tests.fuzz.hand_structures import write
from tests.fuzz.hand_training import Structure, trained
from tests.fuzz.script import Pen


def in_lists(pen: Pen, dialect: Dialect) -> None:
    """`weights[i]` and `biases[i]`, gone through forward and backward by index."""
    net = drawn_network(pen, dialect, uniform=True)
    activation, keep = net.activations[0], ", keepdims=True" if net.row else ""

    def setup() -> None:
        pairs = [initial(pen, net, layer) for layer in net.layers]
        pen.line(f"weights = [{', '.join(weight for weight, _ in pairs)}]")
        pen.line(f"biases = [{', '.join(bias for _, bias in pairs)}]")
        for letter in net.optimizer.kept:
            pen.line(f"{letter}_w = [{dialect.module}.zeros_like(w) for w in weights]")
            pen.line(f"{letter}_b = [{dialect.module}.zeros_like(b) for b in biases]")

    def one_pass() -> None:
        pen.line("acts, zs = [x], []")
        with pen.block(f"for i in range({net.last}):"):
            pen.line(f"z = {dialect.product(pen, 'acts[-1]', 'weights[i]')} + biases[i]", "forward")
            pen.line("zs.append(z)")
            form = pen.pick(*activation.forward).format(z="z", m=dialect.module)
            pen.line(f"acts.append({form} if i < {net.last - 1} else z)", "forward")
        pen.line("out = acts[-1]")
        write(pen, [*net.loss.forward, *_penalty(net), *net.loss.backward])
        pen.line(f"grads_w, grads_b = [None] * {net.last}, [None] * {net.last}")
        pen.line("delta = dout", "backward")
        with pen.block(f"for i in reversed(range({net.last})):"):
            pen.line(f"grads_w[i] = {dialect.product(pen, 'acts[i].T', 'delta')}", "backward")
            pen.line(f"grads_b[i] = delta.sum(axis=0{keep})", "backward")
            with pen.block("if i > 0:"):
                pen.line(f"delta = {dialect.product(pen, 'delta', 'weights[i].T')}", "backward")
                pen.line(f"delta = {_back(pen, activation, dialect, 'delta', 'zs[i - 1]', 'acts[i]')}", "backward")
        _decay(pen, net, "for i, w in enumerate(weights):", "grads_w[i]", "w")

    def update() -> None:
        with pen.block(f"for i in range({net.last}):"):
            for name, short in (("weights", "w"), ("biases", "b")):
                step = net.optimizer.step(f"{name}[i]", f"grads_{short}[i]", f"v_{short}[i]", f"s_{short}[i]")
                for line in step:
                    pen.line(line, "update" if line.startswith(name) else "")

    told = {}
    for layer in net.layers:
        told[f"W{layer}"] = (f"weights[{layer - 1}]", f"grads_w[{layer - 1}]")
        told[f"b{layer}"] = (f"biases[{layer - 1}]", f"grads_b[{layer - 1}]")
    trained(pen, Structure(net, setup, one_pass, update, told))
    pen.role("gradient", ["grads_w[i]", "grads_b[i]", "delta"])
    pen.role("parameter", ["weights[i]", "biases[i]"])
    pen.role("activation", ["z"])


def _penalty(net: Network) -> list[tuple[str, str]]:
    return [("loss = loss + 0.5 * reg * sum((w ** 2).sum() for w in weights)", "loss")] if net.regularised else []


def _decay(pen: Pen, net: Network, head: str, gradient: str, weight: str) -> None:
    """What a penalty, or a decay of the weights, adds to their gradients."""
    if net.regularised or net.decayed:
        with pen.block(head):
            pen.line(f"{gradient} += {'reg' if net.regularised else 'weight_decay'} * {weight}", "backward")


def _back(pen: Pen, activation: Activation, dialect: Dialect, gradient: str, z: str, a: str) -> str:
    return pen.pick(*activation.backward).format(g=gradient, z=z, a=a, m=dialect.module)


def in_layers(pen: Pen, dialect: Dialect) -> None:
    """Objects in a list, each with a forward and a backward pass of its own."""
    net = drawn_network(pen, dialect, uniform=True)
    activation, keep = net.activations[0], ", keepdims=True" if net.row else ""

    def setup() -> None:
        with pen.block("class Linear:"):
            with pen.block("def __init__(self, W, b):"):
                pen.line("self.W, self.b = W, b")
                for letter in net.optimizer.kept:
                    pen.line(f"self.{letter}W = {dialect.module}.zeros_like(W)")
                    pen.line(f"self.{letter}b = {dialect.module}.zeros_like(b)")
            with pen.block("def forward(self, x):"):
                pen.line("self.x = x")
                pen.line(f"return {dialect.product(pen, 'x', 'self.W')} + self.b", "forward")
            with pen.block("def backward(self, grad):"):
                pen.line(f"self.dW = {dialect.product(pen, 'self.x.T', 'grad')}", "backward")
                pen.line(f"self.db = grad.sum(axis=0{keep})", "backward")
                pen.line(f"return {dialect.product(pen, 'grad', 'self.W.T')}", "backward")
            with pen.block("def step(self, lr, t):"):
                for name in "Wb":
                    for line in net.optimizer.step(*(f"self.{each}{name}" for each in ("", "d", "v", "s"))):
                        pen.line(line, "update" if line.startswith(f"self.{name}") else "")
        with pen.block("class Activation:"):
            with pen.block("def forward(self, x):"):
                pen.line("self.x = x")
                form = pen.pick(*activation.forward).format(z="x", m=dialect.module)
                pen.line(f"self.out = {form}", "forward")
                pen.line("return self.out")
            with pen.block("def backward(self, grad):"):
                pen.line(f"return {_back(pen, activation, dialect, 'grad', 'self.x', 'self.out')}", "backward")
        with pen.block("class Network:"):
            with pen.block("def __init__(self, layers):"):
                pen.line("self.layers = layers")
            with pen.block("def forward(self, x):"):
                with pen.block("for layer in self.layers:"):
                    pen.line("x = layer.forward(x)", "forward")
                pen.line("return x")
            with pen.block("def backward(self, grad):"), pen.block("for layer in reversed(self.layers):"):
                pen.line("grad = layer.backward(grad)", "backward")
        layers = [f"Linear({weight}, {bias})" for weight, bias in (initial(pen, net, each) for each in net.layers)]
        pen.line(f"net = Network([{', Activation(), '.join(layers)}])")
        pen.line("linear = net.layers[::2]")

    def one_pass() -> None:
        pen.line("out = net.forward(x)", "forward")
        write(pen, net.loss.forward)
        if net.regularised:
            pen.line("loss = loss + 0.5 * reg * sum((layer.W ** 2).sum() for layer in linear)", "loss")
        write(pen, net.loss.backward)
        pen.line("net.backward(dout)", "backward")
        _decay(pen, net, "for layer in linear:", "layer.dW", "layer.W")

    def update() -> None:
        with pen.block("for layer in linear:"):
            pen.line("layer.step(lr, t)", "update")

    told = {}
    for layer in net.layers:
        told[f"W{layer}"] = (f"linear[{layer - 1}].W", f"linear[{layer - 1}].dW")
        told[f"b{layer}"] = (f"linear[{layer - 1}].b", f"linear[{layer - 1}].db")
    trained(pen, Structure(net, setup, one_pass, update, told))
    pen.role("gradient", ["self.dW", "self.db", "grad"])
    pen.role("parameter", ["self.W", "self.b"])
    pen.role("activation", ["self.out"])


LOOPS: tuple[Callable[[Pen, Dialect], None], ...] = (in_lists, in_layers)
