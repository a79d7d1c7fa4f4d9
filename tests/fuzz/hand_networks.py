"""Random perceptrons with their backward passes by hand: what is drawn of one, and its lines in any spelling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.fuzz.dialects import NUMPY, Activation, Dialect
from tests.fuzz.hand_losses import Lines, Loss, drawn_loss
from tests.fuzz.hand_updates import Optimizer, drawn_optimizer
from tests.fuzz.script import Pen

Spelling = Callable[[str, int], str]
"""How a script says `W` of layer 2: `W2`, `params["W2"]`, `self.W2`."""


@dataclass(frozen=True)
class Network:
    """A perceptron and its training. `widths` are those of all layers, from the input to the output; a layer has its
    number from 1, its input is `a0`. `row`: a bias is a row of a matrix. `regularised`: the weights' squares are in the
    loss, `decayed`: in the gradient alone. `dropped` are the hidden layers behind which a part is dropped."""

    dialect: Dialect
    widths: tuple[int, ...]
    activations: tuple[Activation, ...]
    loss: Loss
    optimizer: Optimizer
    row: bool
    regularised: bool
    decayed: bool
    dropped: frozenset[int]

    @property
    def layers(self) -> range:
        return range(1, len(self.widths))

    @property
    def last(self) -> int:
        return len(self.widths) - 1


def drawn_network(pen: Pen, dialect: Dialect, *, uniform: bool = False) -> Network:
    """Draw all of a network. `uniform`: one activation in all layers, and nothing dropped, so that a loop can run
    over the layers."""
    loss = drawn_loss(pen, dialect)
    hidden = tuple(pen.pick(3, 4, 6) for _ in range(pen.pick(0, 1, 1, 1, 2, 3) or int(uniform)))
    known = dialect.activations()
    chosen = [pen.pick(*known) for _ in hidden]
    dropped = {layer for layer in range(1, len(hidden) + 1) if pen.chance(0.15)}
    return Network(
        dialect,
        (pen.pick(2, 3, 5), *hidden, loss.outputs),
        tuple(chosen[:1] * len(chosen) if uniform else chosen),
        loss,
        drawn_optimizer(pen, dialect.module),
        pen.chance(0.3),
        regularised := pen.chance(0.25),
        not regularised and pen.chance(0.1),
        frozenset(() if uniform else dropped),
    )


def initial(pen: Pen, net: Network, layer: int) -> tuple[str, str]:
    """The expressions of a layer's weight and of its bias at the start."""
    before, after = net.widths[layer - 1 : layer + 1]
    drawn = f"rng.normal(size=({before}, {after}))" if net.dialect is NUMPY else f"torch.randn({before}, {after})"
    shape = f"(1, {after})" if net.row else f"{after}"
    small = f"rng.normal(size={shape})" if net.dialect is NUMPY else f"torch.randn({shape})"
    return f"{drawn} * {pen.pick('0.5', '0.8')}", pen.pick(f"{net.dialect.module}.zeros({shape})", f"{small} * 0.1")


def forward(pen: Pen, net: Network, spell: Spelling) -> Lines:
    """From `a0` to `out`."""
    lines: Lines = []
    for layer in net.layers:
        before = spell("d" if layer - 1 in net.dropped else "a", layer - 1)
        product = f"{net.dialect.product(pen, before, spell('W', layer))} + {spell('b', layer)}"
        if layer == net.last:
            lines.append((f"out = {product}", "forward"))
            continue
        z, a = spell("z", layer), spell("a", layer)
        form = pen.pick(*net.activations[layer - 1].forward)
        lines.append((f"{z} = {product}", "forward"))
        lines.append((f"{a} = {form.format(z=z, m=net.dialect.module)}", "forward"))
        if layer in net.dropped:
            lines += _dropped(pen, net, spell, layer)
    return lines


def _dropped(pen: Pen, net: Network, spell: Spelling, layer: int) -> Lines:
    """An inverted dropout: what stays is scaled up."""
    a, m = spell("a", layer), spell("m", layer)
    drawn = f"rng.random({a}.shape)" if net.dialect is NUMPY else f"torch.rand({a}.shape)"
    kept = pen.pick("0.8", "0.5")
    return [(f"{m} = ({drawn} < {kept}) / {kept}", ""), (f"{spell('d', layer)} = {a} * {m}", "forward")]


def backward(pen: Pen, net: Network, spell: Spelling) -> Lines:
    """From `dout` to the gradients of all layers, the last first."""
    lines: Lines = []
    gradient = "dout"
    for layer in reversed(net.layers):
        before = spell("d" if layer - 1 in net.dropped else "a", layer - 1)
        keep = ", keepdims=True" if net.row else ""
        lines.append((f"{spell('dW', layer)} = {net.dialect.product(pen, f'{before}.T', gradient)}", "backward"))
        lines.append((f"{spell('db', layer)} = {gradient}.sum(axis=0{keep})", "backward"))
        if layer == 1:
            break
        da, dz = spell("da", layer - 1), spell("dz", layer - 1)
        lines.append((f"{da} = {net.dialect.product(pen, gradient, spell('W', layer) + '.T')}", "backward"))
        if layer - 1 in net.dropped:
            mask = spell("m", layer - 1)
            lines.append((pen.pick(f"{da} = {da} * {mask}", f"{da} *= {mask}"), "backward"))
        lines += _through(pen, net, spell, layer - 1, da, dz)
        gradient = dz
    if net.regularised or net.decayed:
        rate = "reg" if net.regularised else "weight_decay"
        for layer in net.layers:
            lines.append((f"{spell('dW', layer)} += {rate} * {spell('W', layer)}", "backward"))
    return lines


def _through(pen: Pen, net: Network, spell: Spelling, layer: int, da: str, dz: str) -> Lines:
    """Back through an activation: in an expression, or by a store into a copy."""
    activation = net.activations[layer - 1]
    if activation.name == "relu" and pen.chance(0.4):
        copied = net.dialect.copied.format(x=da)
        blocked = f"{spell('z', layer)} {pen.pick('<', '<=')} 0"
        return [(f"{dz} = {copied}", "backward"), (f"{dz}[{blocked}] = 0", "backward")]
    form = pen.pick(*activation.backward)
    z, a = spell("z", layer), spell("a", layer)
    return [(f"{dz} = {form.format(g=da, z=z, a=a, m=net.dialect.module)}", "backward")]


def penalty(net: Network, spell: Spelling) -> Lines:
    """What the weights' squares add to the loss."""
    if not net.regularised:
        return []
    squares = " + ".join(f"({spell('W', layer)} ** 2).sum()" for layer in net.layers)
    return [(f"loss = loss + 0.5 * reg * ({squares})", "loss")]
