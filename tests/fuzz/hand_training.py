"""The loop around a network by hand: data, batches, prints and what is true of each iteration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.fuzz.dialects import NUMPY
from tests.fuzz.hand_networks import Network
from tests.fuzz.script import Pen


@dataclass(frozen=True)
class Structure:
    """What writes the parts of a script. `one_pass` goes from `x`, `y` and `n` to the gradients, and binds `loss`;
    `told` are the expressions of each parameter and of its gradient, just before `update`."""

    net: Network
    setup: Callable[[], None]
    one_pass: Callable[[], None]
    update: Callable[[], None]
    told: Mapping[str, tuple[str, ...]]


def trained(pen: Pen, structure: Structure) -> None:
    """The whole script."""
    net = structure.net
    seed = pen.random.randrange(1000)
    pen.line("import hashlib")
    if net.dialect is NUMPY:
        pen.line(f"import numpy as np\nrng = np.random.default_rng({seed})")
    else:
        pen.line("import torch")
        if pen.device == "cuda":
            pen.line("torch.set_default_device('cuda')\ntorch.use_deterministic_algorithms(True)")
        pen.line(f"torch.manual_seed({seed})")
        if pen.chance(0.3):
            pen.line("torch.set_default_dtype(torch.float64)")
    samples = pen.pick(5, 8, 12)
    drawn = "rng.normal(size=(n, {}))" if net.dialect is NUMPY else "torch.randn(n, {})"
    pen.line(f"n = {samples}\nX = {drawn.format(net.widths[0])}\nY = {net.loss.targets}")
    pen.line(f"lr = {pen.pick('0.01', '0.05', '0.002')}")
    if net.regularised:
        pen.line(f"reg = {pen.pick('0.01', '0.1')}")
    if net.decayed:
        pen.line("weight_decay = 0.01")
    structure.setup()
    _loops(pen, structure, samples)
    ended = ", ".join(value for value, *_ in structure.told.values())
    raw = "p.tobytes()" if net.dialect is NUMPY else "p.cpu().numpy().tobytes()"
    pen.line(f"print(hashlib.sha256(b''.join({raw} for p in ({ended},))).hexdigest())")


def _loops(pen: Pen, structure: Structure, samples: int) -> None:
    manner = pen.pick("full", "full", "slices", "shuffled", "drawn", "each")
    shuffled = f"rng.permutation({samples})" if structure.net.dialect is NUMPY else f"torch.randperm({samples})"
    if manner == "full":
        with pen.block(f"for t in range(1, {pen.pick(5, 7)}):"):
            _iteration(pen, structure, "x, y = X, Y")
    elif manner == "drawn":
        chosen = f"rng.choice({samples}, 4)" if structure.net.dialect is NUMPY else f"torch.randint(0, {samples}, (4,))"
        with pen.block(f"for t in range(1, {pen.pick(5, 7)}):"):
            _iteration(pen, structure, f"batch = {chosen}\nx, y = X[batch], Y[batch]\nn = len(x)")
    else:
        size = 1 if manner == "each" else pen.pick(3, 4)
        pen.line("t = 0")
        with pen.block(f"for epoch in range({pen.pick(1, 2) if manner == 'each' else pen.pick(2, 3)}):"):
            if manner == "shuffled":
                pen.line(f"order = {shuffled}")
            with pen.block(f"for start in range(0, {samples}, {size}):"):
                pen.line("t += 1")
                part = "order[start:start + {}]" if manner == "shuffled" else "start:start + {}"
                rows = part.format(size)
                _iteration(pen, structure, f"x, y = X[{rows}], Y[{rows}]\nn = len(x)")


def _iteration(pen: Pen, structure: Structure, batch: str) -> None:
    pen.line(batch)
    structure.one_pass()
    told = ", ".join(f"{name}=({', '.join(values)})" for name, values in structure.told.items())
    pen.line(f"# truth: loss, {told}")
    if pen.chance(0.5):
        pen.line("print(t, float(loss))")
        structure.update()
    else:
        structure.update()
        pen.line("print(t, float(loss))")
