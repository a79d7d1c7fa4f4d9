"""How far an activation lets the gradient of each entry through, by torch's own rule for it.

A ReLU passes an entry's gradient or stops it. Its relatives pass a share: leaky ReLU and PReLU a fixed one of the
entries below zero, GELU, SiLU, Mish, ELU and softplus one that changes with the entry. The share is the derivative at
the entry: torch's own backward kernel, asked with a gradient of ones (torch/csrc/autograd, derivatives.yaml).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from stepper.engines.graph import saved
from stepper.engines.modes import functional, torch_module, unnoticed

Share = Callable[[Any, Any], Any]  # of a gradient of ones, and h


class Opening(NamedTuple):
    """What one node of the graph does to gradients.

    `share` gives what it passes of each entry of h; None where `passes`, a tensor of bools, says it already, and the
    node is a gate only if its output is max(h, 0). `soft`: it may pass a share between nothing and everything.
    """

    op: str
    share: Share | None
    passes: Any = None
    soft: bool = False

    def at(self, h: Any) -> Any:
        """The share of each entry, in the dtype of `h`. Runs on any thread, and nothing of it is noticed."""
        torch = torch_module()
        if self.share is None:
            return self.passes.to(h.dtype).expand(h.shape)
        with unnoticed():
            return self.share(torch.ones_like(h), h)


def opening_of(node: Any, kind: str) -> Opening | None:
    """What the node does, where it is one of those that are known here; asked before the pass, as long as it holds
    its numbers."""
    rule = KINDS.get(kind)
    if rule is None:
        return None
    with unnoticed():
        return rule(node)


def _aten() -> Any:
    return torch_module().ops.aten


def _leaky(slope: float) -> Opening:
    return Opening("leaky_relu", lambda one, h: _aten().leaky_relu_backward(one, h, slope, False), soft=True)


def _elu(node: Any) -> Opening:
    alpha, scale, inner = node._saved_alpha, node._saved_scale, node._saved_input_scale
    return _exponential("elu" if scale == 1 else "selu", alpha, scale, inner)


def _exponential(name: str, alpha: float, scale: float, inner: float) -> Opening:
    return Opening(name, lambda one, h: _aten().elu_backward(one, alpha, scale, inner, False, h), soft=True)


def _soft_limit(alpha: float) -> Opening:
    return _exponential("celu", alpha, 1.0, 1.0 / alpha)


def _gelu(form: str) -> Opening:
    return Opening("gelu", lambda one, h: _aten().gelu_backward(one, h, approximate=form), soft=True)


def _softplus(beta: float, threshold: float) -> Opening:
    return Opening("softplus", lambda one, h: _aten().softplus_backward(one, h, beta, threshold), soft=True)


def _prelu(node: Any) -> Opening | None:
    weight = saved(node, "weight")
    if weight is None:
        return None
    return _learnt(weight)


def _learnt(weight: Any) -> Opening:
    weight = weight.detach().clone()  # the step that follows changes it in place
    return Opening("prelu", lambda one, h: _aten()._prelu_kernel_backward(one, h, weight)[0], soft=True)


def _rrelu(node: Any) -> Opening | None:
    noise, low, high = saved(node, "noise"), node._saved_lower, node._saved_upper
    training = node._saved_training
    if noise is None:
        return None

    def share(one: Any, h: Any) -> Any:
        return _aten().rrelu_with_noise_backward(one, h, noise, low, high, training, False)

    return Opening("rrelu", share, soft=True)


def _silu(_: Any = None) -> Opening:
    return Opening("silu", lambda one, h: _aten().silu_backward(one, h), soft=True)


def _mish(_: Any = None) -> Opening:
    return Opening("mish", lambda one, h: _aten().mish_backward(one, h), soft=True)


def _hardswish(_: Any = None) -> Opening:
    return Opening("hardswish", lambda one, h: _aten().hardswish_backward(one, h), soft=True)


def _hardtanh(node: Any) -> Opening | None:
    low, high = node._saved_min_val, node._saved_max_val
    if low != 0:
        return None  # cut on both sides of zero: no relative of the ReLU
    name = "relu6" if high == 6 else "hardtanh"
    return Opening(name, lambda one, h: _aten().hardtanh_backward(one, h, low, high))


def _clamp(node: Any) -> Opening | None:
    low, high = node._saved_min, node._saved_max
    if low != 0 or high is None:
        return None  # with one bound it is a ReLU like any other
    return Opening("clamp", lambda one, h: ((h >= low) & (h <= high)).to(h.dtype))


def _clamp_by_tensors(node: Any) -> Opening | None:
    low, high = saved(node, "min"), node._saved_max
    if low is None or high is not None or bool(low.any()):
        return None
    return Opening("clamp", lambda one, h: (h >= 0).to(h.dtype))


def _maximum(node: Any) -> Opening | None:
    """max(h, 0): at h = 0 the two share the gradient, and a NaN passes it on."""
    if not _is_beside_zeros(node):
        return None
    return Opening("maximum", lambda one, h: (h <= 0).logical_not().to(h.dtype) + (h == 0).to(h.dtype) / 2)


def _fmax(node: Any) -> Opening | None:
    return Opening("fmax", lambda one, h: (h >= 0).to(h.dtype)) if _is_beside_zeros(node) else None


def _is_beside_zeros(node: Any) -> bool:
    """Whether one of the two operands is the constant zero."""
    first, second = (before for before, _ in node.next_functions)
    if (first is None) == (second is None):
        return False
    other = saved(node, "other" if second is None else "self")
    return other is not None and not bool(other.any())


def _where(node: Any) -> Opening | None:
    condition = saved(node, "condition")
    first, second = (before for before, _ in node.next_functions)
    if condition is None or (first is None) == (second is None):
        return None
    return Opening("where", None, condition.clone() if second is None else ~condition)


def _product(node: Any) -> Opening | None:
    """h ⊙ mask, the mask of bools or of zeros and ones."""
    first, second = (before for before, _ in node.next_functions)
    if (first is None) == (second is None):
        return None
    mask = saved(node, "other" if second is None else "self")
    if mask is None or mask.ndim == 0 or tuple(mask.shape) != tuple(node._input_metadata[0].shape) or mask.is_complex():
        return None
    if mask.dtype.is_floating_point and not bool(((mask == 0) | (mask == 1)).all()):
        return None
    return Opening("mul", None, mask != 0)


def _masked_fill(node: Any) -> Opening | None:
    mask = saved(node, "mask")
    return None if mask is None else Opening("masked_fill", None, ~mask)


def _index_put(node: Any) -> Opening | None:
    """`h[mask] = 0`."""
    indices = saved(node, "indices")
    if indices is None or str(indices.dtype) != "torch.bool":
        return None
    return Opening("setitem", None, ~indices)


SPELT_BY_HAND = frozenset(("Maximum", "Fmax", "Where", "Mul", "MaskedFill", "IndexPut"))
"""Of these kinds of node only the numbers tell whether they are activations."""

KINDS: dict[str, Callable[[Any], Opening | None]] = {
    "LeakyReluBackward0": lambda node: _leaky(node._saved_negative_slope),
    "LeakyReluBackward1": lambda node: _leaky(node._saved_negative_slope),
    "EluBackward0": _elu,
    "EluBackward1": _elu,
    "CeluBackward0": lambda node: _soft_limit(node._saved_alpha),
    "CeluBackward1": lambda node: _soft_limit(node._saved_alpha),
    "GeluBackward0": lambda node: _gelu(node._saved_approximate),
    "SiluBackward0": _silu,
    "MishBackward0": _mish,
    "SoftplusBackward0": lambda node: _softplus(node._saved_beta, node._saved_threshold),
    "HardswishBackward0": _hardswish,
    "HardtanhBackward0": _hardtanh,
    "HardtanhBackward1": _hardtanh,
    "PreluKernelBackward0": _prelu,
    "RreluWithNoiseBackward0": _rrelu,
    "RreluWithNoiseBackward1": _rrelu,
    "ClampBackward1": _clamp,
    "ClampBackward0": _clamp_by_tensors,
    "MaximumBackward0": _maximum,
    "FmaxBackward0": _fmax,
    "WhereBackward0": _where,
    "MulBackward0": _product,
    "MaskedFillBackward0": _masked_fill,
    "IndexPutBackward0": _index_put,
}

SELU = (1.6732632423543772848170429916717, 1.0507009873554804934193349852946)
"""α and scale of SELU (torch/nn/functional.py; Klambauer et al. 2017)."""
RELU = Opening("relu", None)
LAYERS: dict[str, Callable[[Any], Opening]] = {
    "ReLU": lambda _: RELU,
    "ReLU6": lambda _: Opening("relu6", lambda one, h: _aten().hardtanh_backward(one, h, 0.0, 6.0)),
    "LeakyReLU": lambda layer: _leaky(layer.negative_slope),
    "ELU": lambda layer: _exponential("elu", layer.alpha, 1.0, 1.0),
    "SELU": lambda _: _exponential("selu", *SELU, 1.0),
    "CELU": lambda layer: _soft_limit(layer.alpha),
    "GELU": lambda layer: _gelu(layer.approximate),
    "SiLU": _silu,
    "Mish": _mish,
    "Softplus": lambda layer: _softplus(layer.beta, layer.threshold),
    "Hardswish": _hardswish,
    "PReLU": lambda layer: _learnt(layer.weight),
}


def opening_of_layer(layer: Any) -> Opening | None:
    """What one of torch's own activation layers does, asked where it ran without a graph. `RELU` has no share."""
    kind = type(layer)
    made = LAYERS.get(kind.__name__) if kind.__module__ == "torch.nn.modules.activation" else None
    if made is None:
        return None
    with unnoticed():
        return made(layer)


FUNCTIONS: dict[str, Callable[..., Opening]] = {
    "relu6": lambda: LAYERS["ReLU6"](None),
    "leaky_relu": lambda negative_slope=0.01: _leaky(negative_slope),
    "elu": lambda alpha=1.0: _exponential("elu", alpha, 1.0, 1.0),
    "selu": lambda: LAYERS["SELU"](None),
    "celu": lambda alpha=1.0: _soft_limit(alpha),
    "gelu": lambda approximate="none": _gelu(approximate),
    "silu": _silu,
    "mish": _mish,
    "softplus": lambda beta=1, threshold=20: _softplus(beta, threshold),
    "hardswish": _hardswish,
}


def opening_of_call(name: str, given: Sequence[Any], named: Mapping[str, Any], h: Any, out: Any) -> Opening | None:
    """What a function of `torch.nn.functional` by this name does; None where `out` is not, to the bit, what it makes
    of `h` with these further arguments: then it is somebody else's function of that name."""
    made = FUNCTIONS.get(name)
    if made is None:
        return None
    named = {key: value for key, value in named.items() if key != "inplace"}
    try:
        with unnoticed():
            again = functional(name)(h, *given, **named)
            return made(*given, **named) if again.shape == out.shape and torch_module().equal(again, out) else None
    except (TypeError, ValueError, RuntimeError):
        return None
