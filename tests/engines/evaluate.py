"""Evaluates the formulas of backward events, as they are shown, from the values that a record has under their names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import torch

gradients: Any = import_module("torch.nn.grad")


def evaluate(text: str, named: Mapping[str, Any]) -> Any:
    """The right side of a formula, with `named` values for what the script or the record calls something."""
    text = text.split(" — ")[0]
    expression, _, definitions = text.partition(" where ")
    names = dict(named)
    for definition in reversed(definitions.split("; ") if definitions else []):
        name, _, meaning = definition.partition(" = ")
        names[name] = _value(meaning, names)
    return _value(expression, names)


def _value(text: str, named: Mapping[str, Any]) -> Any:
    held: dict[str, Any] = {}
    for index, name in enumerate(sorted(named, key=len, reverse=True)):
        # Not inside a longer name, and a name that is an expression only as a whole
        pattern = rf"(?<![\w.∂]){re.escape(name)}(?!(?!ᵀ)\w|\(|\.\w)"
        key = f"v{index}v"
        text, count = re.subn(pattern, key, text)
        if count:
            held[key] = named[name]
    for sign, python in (
        ("·", "@"),
        ("⊙", "*"),
        ("×", "*"),
        ("−", "-"),
        ("^", "**"),
        ("≥", ">="),
        ("≤", "<="),
        ("≠", "!="),
    ):
        text = text.replace(sign, python)
    text = re.sub(r"ᵀ", ".mT", text)
    text = re.sub(r"\[not \(?(\w+)\)?\]", r"holds(~\1)", text)
    text = re.sub(r"\[(\w+) = (\w+)\]", r"holds(\1 == \2)", text)
    text = text.replace("[", "holds(").replace("]", ")")
    return eval(text, {"__builtins__": {}}, {**FUNCTIONS, **held})


class Holds:
    """`[condition]`: 1 where it holds, and a 0 elsewhere that is 0 times anything, infinite or no number."""

    __array_priority__ = 1

    def __init__(self, weights: Any) -> None:
        self.weights = weights

    @classmethod
    def __torch_function__(cls, *_: Any) -> Any:
        return NotImplemented  # `tensor * self` is this class's own

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, Holds):
            return Holds(self.weights * other.weights)
        return torch.where(self.weights == 0, 0.0, other * self.weights)

    __rmul__ = __mul__

    def __add__(self, other: Any) -> Any:
        return Holds(self.weights + (other.weights if isinstance(other, Holds) else other))

    __radd__ = __add__

    def __truediv__(self, number: Any) -> Any:
        return Holds(self.weights / number)


def holds(condition: Any) -> Any:
    return Holds(condition.double())


def sum_to(x: Any, shape: tuple[int, ...]) -> Any:
    return x.sum_to_size(shape)


def repeat_along(x: Any, axis: int | tuple[int, ...], shape: tuple[int, ...]) -> Any:
    for each in sorted((axis,) if isinstance(axis, int) else axis):
        x = x.unsqueeze(each)
    return x.expand(shape)


def total(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    x = x.weights if isinstance(x, Holds) else x
    return x.sum() if axis is None else x.sum(axis, keepdim=keepdims)


def put_into(x: Any, values: Any, axis: int, index: int | None = None, **span: int) -> Any:
    x = x.clone()
    place = slice(span["start"], span["stop"], span["step"]) if index is None else index
    x[(slice(None),) * axis + (place,)] = values
    return x


def part(x: Any, axis: int, start: int = 0, stop: int = 0, step: int = 1, index: int | None = None) -> Any:
    return x[(slice(None),) * axis + ((slice(start, stop, step) if index is None else index),)]


def add_at(x: Any, indices: Any, values: Any) -> Any:
    return x.index_put((indices,), values, accumulate=True)


def to_largest(g: Any, x: Any, window: Any, stride: Any, padding: Any, dilation: Any, ceil: bool) -> Any:
    pool = torch.nn.functional.max_pool3d if x.ndim == 5 else torch.nn.functional.max_pool2d
    _, places = pool(x, window, stride, padding, dilation, ceil, return_indices=True)
    flat = torch.zeros_like(x).flatten(2)
    return flat.scatter_add(2, places.flatten(2), g.flatten(2)).view(x.shape)


def convolution_input(g: Any, weight: Any, shape: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    return getattr(gradients, f"conv{g.ndim - 2}d_input")(shape, weight, g, stride, padding, dilation, groups)


def convolution_weight(g: Any, x: Any, shape: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    return getattr(gradients, f"conv{g.ndim - 2}d_weight")(x, shape, g, stride, padding, dilation, groups)


def convolution(x: Any, weight: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    return torch.nn.functional.conv2d(x, weight, None, stride, padding, dilation, groups)


def put_along(x: Any, places: Any, values: Any, axis: int) -> Any:
    if isinstance(values, int):
        return x.scatter(axis, places, values)
    return x.scatter_add(axis, places, values)


def add_along(x: Any, places: Any, values: Any, axis: int) -> Any:
    return x.index_add(axis, places, values)


def spread(g: Any, shape: Any, window: Any, stride: Any, padding: Any) -> Any:
    x = torch.zeros(shape, dtype=g.dtype, requires_grad=True)
    with torch.enable_grad():
        pool = torch.nn.functional.avg_pool3d if len(window) == 3 else torch.nn.functional.avg_pool2d
        pooled = pool(x, window, stride, padding)
    return torch.autograd.grad(pooled, x, g)[0]


def resize_back(g: Any, shape: Any, how: str, align_corners: bool) -> Any:
    x = torch.zeros(shape, dtype=g.dtype, requires_grad=True)
    with torch.enable_grad():
        resized = torch.nn.functional.interpolate(x, g.shape[2:], mode=how, align_corners=align_corners)
    return torch.autograd.grad(resized, x, g)[0]


def causal(scores: Any) -> Any:
    """The scores of attention to what lies ahead are −∞."""
    return scores.masked_fill(torch.ones_like(scores).triu(1) > 0, -torch.inf)


def normal(x: Any) -> Any:
    return torch.exp(-x * x / 2) / (2 * torch.pi) ** 0.5


FUNCTIONS: dict[str, Any] = {
    **{name: getattr(torch, name) for name in ("exp", "sin", "cos", "sigmoid", "tanh", "relu", "sinh", "cosh", "abs")},
    **{name: getattr(torch, name) for name in ("digamma", "isfinite", "diag", "cumsum", "arange", "searchsorted")},
    "log": lambda x: torch.log(torch.as_tensor(x, dtype=torch.float64)),
    "sqrt": lambda x: torch.sqrt(x if isinstance(x, torch.Tensor) else torch.tensor(x, dtype=torch.float64)),
    "conj": lambda x: x.conj() if isinstance(x, torch.Tensor) else complex(x).conjugate(),
    "sign": torch.sgn,  # as NumPy's, of complex numbers too
    "real": torch.real,
    "holds": holds,
    "sum": total,
    "sum_to": sum_to,
    "mean": lambda x, axis, keepdims: x.mean(axis, keepdim=keepdims),
    "variance": lambda x, axis: x.var(axis, correction=0, keepdim=True),
    "expand": lambda x, shape: x.expand(shape),
    "reshape": lambda x, shape: x.reshape(shape),
    "swapaxes": torch.swapaxes,
    "transpose_back": lambda x, axes: x.permute(tuple(axes.index(axis) for axis in range(len(axes)))),
    "repeat_along": repeat_along,
    "outer": torch.outer,
    "where": torch.where,
    "zeros": lambda shape: torch.zeros(shape, dtype=torch.float64),
    "one_hot": lambda x, classes, axis=-1: (x[..., None] == torch.arange(classes)).double().movedim(-1, axis),
    "rows": lambda x, rows: x[rows],
    "channels": lambda x, axes: x.view(1, -1, *(1,) * (axes - 2)),
    "put_into": put_into,
    "part": part,
    "add_at": add_at,
    "add_rows": lambda x, rows, g: x.index_put((rows,), g, accumulate=True),
    "to_largest": to_largest,
    "convolution_input": convolution_input,
    "convolution_weight": convolution_weight,
    "put_along": put_along,
    "add_along": add_along,
    "expand_dims": lambda x, axis: Holds(x.weights.unsqueeze(axis)) if isinstance(x, Holds) else x.unsqueeze(axis),
    "concatenate": torch.cat,
    "stack": torch.stack,
    "clip": torch.clamp,
    "tril": torch.tril,
    "triu": torch.triu,
    "flip": lambda x, axis: x.flip(axis),
    "spread": spread,
    "resize_back": resize_back,
    "causal": causal,
    "convolution": convolution,
    "softmax": lambda x, axis: x.softmax(axis),
    "inv": torch.linalg.inv,
    "solve": torch.linalg.solve,
    "eye": lambda rows, columns: torch.eye(rows, columns, dtype=torch.float64),
    "diagonal": torch.diagonal,
    "roll": lambda x, shift, axis: x.roll(shift, axis),
    "rot90": lambda x, times, axes: x.rot90(times, axes),
    "take": lambda x, places, axis: x.index_select(axis, places),
    "take_along": lambda x, places, axis: x.gather(axis, places),
    "pixel_unshuffle": torch.nn.functional.pixel_unshuffle,
    "π": torch.tensor(torch.pi, dtype=torch.float64),
    "Φ": lambda x: torch.special.ndtr(x),
    "φ": normal,
}
