"""Random networks of torch's modules, or of tensors with `requires_grad`."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from tests.fuzz.script import Pen

ACTIVATIONS = (
    "F.relu({x})", "torch.relu({x})", "{x}.relu()", "{x}.clamp(min=0)", "torch.clamp({x}, min=0)", "torch.tanh({x})",
    "F.leaky_relu({x}, 0.2)", "F.gelu({x})", "torch.maximum({x}, torch.zeros_like({x}))",
    "torch.where({x} > 0, {x}, torch.zeros_like({x}))", "F.elu({x})", "torch.sigmoid({x})", "F.silu({x})",
    "{x} * ({x} > 0)", "torch.nn.functional.threshold({x}, 0, 0)",
)  # fmt: skip
LAYERS = (
    "nn.ReLU()", "nn.ReLU(inplace=True)", "nn.Tanh()", "nn.LeakyReLU(0.1)", "nn.GELU()", "nn.SiLU()", "nn.Sigmoid()",
    "nn.ELU()", "nn.Softplus()", "nn.Hardtanh()", "nn.ReLU6()", "nn.PReLU()",
)  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """What a network is made for: `samples` inputs of `inputs` features, and `outputs`; `length` of a sequence."""

    samples: int
    inputs: int
    outputs: int
    length: int = 4


def activation(pen: Pen, name: str) -> str:
    return pen.pick(*ACTIVATIONS).format(x=name)


def multilayer(pen: Pen, shape: Shape) -> None:
    """A perceptron: in a Sequential, in a class, in a list of layers, or as a function of bare tensors."""
    hidden = [pen.pick(4, 6, 7) for _ in range(pen.pick(1, 1, 2, 3))]
    pen.pick(_sequential, _class, _class, _functional, _list)(pen, shape, hidden)


def _norm(pen: Pen, width: int) -> str:
    return pen.pick("", "", f"nn.BatchNorm1d({width})", f"nn.LayerNorm({width})", f"nn.Dropout({pen.pick(0.1, 0.5)})")


def _sequential(pen: Pen, shape: Shape, hidden: list[int]) -> None:
    layers, width = [], shape.inputs
    for each in hidden:
        layers.append(f"nn.Linear({width}, {each}{pen.pick('', '', ', bias=False')})")
        layers += [norm] if (norm := _norm(pen, each)) else []
        layers.append(pen.pick(*LAYERS))
        width = each
    pen.line(f"model = nn.Sequential({', '.join(layers)}, nn.Linear({width}, {shape.outputs}))")


def _functional(pen: Pen, shape: Shape, hidden: list[int]) -> None:
    widths, names = [shape.inputs, *hidden], []
    for layer, (before, after) in enumerate(itertools.pairwise(widths)):
        pen.line(f"W{layer} = (torch.randn({before}, {after}) * 0.4).requires_grad_()")
        pen.line(f"b{layer} = torch.zeros({after}, requires_grad=True)")
        names += [f"W{layer}", f"b{layer}"]
    pen.line(f"W_out = torch.randn({widths[-1]}, {shape.outputs}, requires_grad=True)")
    with pen.block("def model(x):"):
        for layer in range(len(hidden)):
            product = f"x @ W{layer} + b{layer}" if pen.chance(0.6) else f"torch.addmm(b{layer}, x, W{layer})"
            pen.line(f"z = {product}")
            pen.line(f"x = {activation(pen, 'z')}")
        pen.line("return x @ W_out")
    pen.line(f"params = [{', '.join([*names, 'W_out'])}]")


def _class(pen: Pen, shape: Shape, hidden: list[int]) -> None:
    widths, norm = [shape.inputs, *hidden], _norm(pen, hidden[0])
    middle = pen.pick("", "", "", "residual", "reused")
    with pen.block("class Net(nn.Module):"):
        with pen.block("def __init__(self):"):
            pen.line("super().__init__()")
            for layer, (before, after) in enumerate(itertools.pairwise(widths)):
                pen.line(f"self.fc{layer} = nn.Linear({before}, {after})")
            if norm:
                pen.line(f"self.norm = {norm}")
            if middle:
                pen.line(f"self.mid = nn.Linear({hidden[-1]}, {hidden[-1]})")
            pen.line(f"self.out = nn.Linear({hidden[-1]}, {shape.outputs})")
        with pen.block("def forward(self, x):"):
            for layer in range(len(hidden)):
                pen.line(f"x = self.fc{layer}(x)")
                if layer == 0 and norm:
                    pen.line("x = self.norm(x)")
                if pen.chance(0.4):
                    pen.line(f"x = {activation(pen, 'x')}")
                else:
                    pen.line(f"h{layer} = {activation(pen, 'x')}")
                    pen.line(f"x = h{layer}")
            if middle == "residual":
                pen.line("x = x + F.relu(self.mid(x))")
            elif middle:
                with pen.block(f"for _ in range({pen.pick(1, 2, 3)}):"):
                    pen.line("x = self.mid(x).clamp(min=0)")
            pen.line("return self.out(x)")
    pen.line("model = Net()")


def _list(pen: Pen, shape: Shape, hidden: list[int]) -> None:
    widths = [shape.inputs, *hidden]
    layers = [f"nn.Linear({before}, {after})" for before, after in itertools.pairwise(widths)]
    with pen.block("class Net(nn.Module):"):
        with pen.block("def __init__(self):"):
            pen.line("super().__init__()")
            pen.line(f"self.layers = nn.ModuleList([{', '.join(layers)}])")
            pen.line(f"self.out = nn.Linear({hidden[-1]}, {shape.outputs})")
        with pen.block("def forward(self, x):"):
            with pen.block("for layer in self.layers:"):
                pen.line("z = layer(x)")
                pen.line(f"x = {activation(pen, 'z')}")
            pen.line("return self.out(x)")
    pen.line("model = Net()")


def embedding(pen: Pen, shape: Shape) -> None:
    """Rows of a table, side by side, through two layers."""
    with pen.block("class Net(nn.Module):"):
        with pen.block("def __init__(self):"):
            pen.line("super().__init__()")
            pen.line(f"self.emb = nn.Embedding(11, {shape.inputs})")
            pen.line(f"self.fc1 = nn.Linear({shape.length * shape.inputs}, 6)")
            pen.line(f"self.fc2 = nn.Linear(6, {shape.outputs})")
        with pen.block("def forward(self, x):"):
            pen.line("e = self.emb(x).view(x.shape[0], -1)")
            pen.line("h = self.fc1(e)")
            pen.line(f"h = {activation(pen, 'h')}")
            pen.line("return self.fc2(h)")
    pen.line("model = Net()")
