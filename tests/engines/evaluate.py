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


def holds(condition: Any) -> Any:
    return condition.double()


def sum_to(x: Any, shape: tuple[int, ...]) -> Any:
    return x.sum_to_size(shape)


def repeat_along(x: Any, axis: int | tuple[int, ...], shape: tuple[int, ...]) -> Any:
    for each in sorted((axis,) if isinstance(axis, int) else axis):
        x = x.unsqueeze(each)
    return x.expand(shape)


def total(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return x.sum() if axis is None else x.sum(axis, keepdim=keepdims)


def put_into(x: Any, values: Any, axis: int, index: int | None = None, **span: int) -> Any:
    x = x.clone()
    place = slice(span["start"], span["stop"], span["step"]) if index is None else index
    x[(slice(None),) * axis + (place,)] = values
    return x


def part(x: Any, axis: int, start: int = 0, stop: int = 0, index: int | None = None) -> Any:
    return x[(slice(None),) * axis + ((slice(start, stop) if index is None else index),)]


def add_at(x: Any, indices: Any, values: Any) -> Any:
    return x.index_put((indices,), values, accumulate=True)


def to_largest(g: Any, x: Any, window: Any, stride: Any, padding: Any, dilation: Any, ceil: bool) -> Any:
    _, places = torch.nn.functional.max_pool2d(x, window, stride, padding, dilation, ceil, return_indices=True)
    flat = torch.zeros_like(x).flatten(2)
    return flat.scatter_add(2, places.flatten(2), g.flatten(2)).view(x.shape)


def convolution_input(g: Any, weight: Any, shape: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    return gradients.conv2d_input(shape, weight, g, stride, padding, dilation, groups)


def convolution_weight(g: Any, x: Any, shape: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    return gradients.conv2d_weight(x, shape, g, stride, padding, dilation, groups)


def put_along(x: Any, places: Any, values: Any, axis: int) -> Any:
    return x.scatter_add(axis, places, values)


def add_along(x: Any, places: Any, values: Any, axis: int) -> Any:
    return x.index_add(axis, places, values)


def spread(g: Any, shape: Any, window: Any, stride: Any, padding: Any) -> Any:
    x = torch.zeros(shape, dtype=g.dtype, requires_grad=True)
    with torch.enable_grad():
        pooled = torch.nn.functional.avg_pool2d(x, window, stride, padding)
    return torch.autograd.grad(pooled, x, g)[0]


def normal(x: Any) -> Any:
    return torch.exp(-x * x / 2) / (2 * torch.pi) ** 0.5


FUNCTIONS: dict[str, Any] = {
    **{name: getattr(torch, name) for name in ("exp", "log", "sqrt", "sin", "cos", "sigmoid", "tanh", "relu")},
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
    "expand_dims": torch.unsqueeze,
    "concatenate": torch.cat,
    "stack": torch.stack,
    "clip": torch.clamp,
    "tril": torch.tril,
    "triu": torch.triu,
    "flip": lambda x, axis: x.flip(axis),
    "spread": spread,
    "π": torch.tensor(torch.pi, dtype=torch.float64),
    "Φ": lambda x: torch.special.ndtr(x),
    "φ": normal,
}
