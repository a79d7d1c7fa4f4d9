"""How the same mathematics is written for NumPy and for torch's tensors without autograd."""

from __future__ import annotations

from dataclasses import dataclass

from tests.fuzz.script import Pen


@dataclass(frozen=True)
class Activation:
    """A function between layers. In the forms, `{z}` is its input, `{a}` its output, `{g}` the loss's gradient by that,
    and `{m}` the library's name. The forms of `backward` are all of the same function."""

    name: str
    forward: tuple[str, ...]
    backward: tuple[str, ...]


@dataclass(frozen=True)
class Dialect:
    """A library: `module` is what the script calls it."""

    module: str
    copied: str
    count: str
    products: tuple[str, ...]
    relu: tuple[str, ...]

    def product(self, pen: Pen, one: str, other: str) -> str:
        return pen.pick(*self.products).format(one=one, other=other)

    def activations(self) -> tuple[Activation, ...]:
        relu = Activation(
            "relu",
            (*self.relu, "{z} * ({z} > 0)", "{m}.where({z} > 0, {z}, 0)"),
            (
                *("{g} * ({z} > 0)", "{g} * ({a} > 0)", "{m}.where({z} > 0, {g}, 0)", "{g} * (({z} > 0) * 1.0)"),
                *("{g} * {m}.where({z} > 0, 1.0, 0.0)", "{g} * {m}.sign({a})", "{g} * (1.0 - 1.0 * ({z} <= 0))"),
            ),
        )
        return (relu, relu, *SMOOTH)


SMOOTH = (
    Activation(
        "tanh",
        ("{m}.tanh({z})",),
        ("{g} * (1 - {a} ** 2)", "(1 - {a} * {a}) * {g}", "{g} * (1 - {m}.tanh({z}) ** 2)"),
    ),
    Activation("sigmoid", ("1 / (1 + {m}.exp(-{z}))",), ("{g} * {a} * (1 - {a})", "{g} * ({a} * (1 - {a}))")),
    Activation(
        "leaky",
        ("{m}.where({z} > 0, {z}, 0.1 * {z})",),
        ("{g} * {m}.where({z} > 0, 1.0, 0.1)", "{m}.where({z} > 0, {g}, 0.1 * {g})"),
    ),
    Activation("elu", ("{m}.where({z} > 0, {z}, {m}.exp({z}) - 1)",), ("{g} * {m}.where({z} > 0, 1.0, {a} + 1)",)),
    Activation("softplus", ("{m}.log(1 + {m}.exp({z}))",), ("{g} / (1 + {m}.exp(-{z}))",)),
)
NUMPY = Dialect(
    "np",
    "{x}.copy()",
    "{x}.size",
    ("{one} @ {other}", "{one} @ {other}", "np.dot({one}, {other})", "{one}.dot({other})", "np.matmul({one}, {other})"),
    (
        "np.maximum({z}, 0)",
        "np.maximum(0, {z})",
        "np.clip({z}, 0, None)",
        "np.maximum(0.0, {z})",
        "({z} + abs({z})) / 2",
    ),
)
TORCH = Dialect(
    "torch",
    "{x}.clone()",
    "{x}.numel()",
    ("{one} @ {other}", "{one}.mm({other})", "torch.mm({one}, {other})", "torch.matmul({one}, {other})"),
    (
        "{z}.clamp(min=0)",
        "torch.relu({z})",
        "torch.clamp({z}, min=0)",
        "torch.maximum({z}, torch.zeros_like({z}))",
        "({z} + {z}.abs()) / 2",
    ),
)
