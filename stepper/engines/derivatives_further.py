"""The table of derivatives, continued: rarer activations and losses, choices along an axis, several outputs.

After torch's own tools/autograd/derivatives.yaml; what each line means is tested against what torch computes.
"""

from __future__ import annotations

import math
from functools import partial

from stepper.engines.formulas import Chain, Line, Rule, Unnamed, figure
from stepper.engines.graph import GRADIENT, atom


def _leaky_in_place(c: Chain) -> str:
    return f"{c.g} ⊙ ([{c.y} > 0] + {c.number('negative_slope')} × [{c.y} ≤ 0])"


def _elu(c: Chain) -> str:
    """Also SELU, which is an ELU with a scale."""
    alpha, scale, inner = c.attribute("alpha"), c.attribute("scale"), c.attribute("input_scale")
    x = c["self"]
    grown = f"exp({x})" if inner == 1 else f"exp({figure(inner)} × {x})"
    below = alpha * inner
    slope = f"[{x} > 0] + {'' if below == 1 else f'{figure(below)} × '}{grown} ⊙ [{x} ≤ 0]"
    return f"{c.g} ⊙ ({slope})" if scale == 1 else f"{c.g} × {figure(scale)} ⊙ ({slope})"


def _celu(c: Chain) -> str:
    alpha, x = c.attribute("alpha"), c["self"]
    grown = f"exp({x})" if alpha == 1 else f"exp({x} / {figure(alpha)})"
    return f"{c.g} ⊙ ([{x} > 0] + {grown} ⊙ [{x} ≤ 0])"


def _mish(c: Chain) -> str:
    x = c["self"]
    return f"{c.g} ⊙ (s + {x} ⊙ (1 − s^2) ⊙ sigmoid({x})) where s = tanh(log(1 + exp({x})))"


def _hardswish(c: Chain) -> str:
    x = c["self"]
    return f"{c.g} ⊙ ([{x} ≥ 3] + ({x} / 3 + 0.5) ⊙ [{x} < 3] ⊙ [{x} > (−3)])"


def _gated(c: Chain) -> str:
    """GLU: one half of the operand lets the other through."""
    shape = c.shape_of(0)
    axis = c.axis(axes=len(shape))
    whole = shape[int(axis)]
    first = f"part({c['self']}, axis={axis}, start=0, stop={whole // 2})"
    second = f"part({c['self']}, axis={axis}, start={whole // 2}, stop={whole})"
    to_first, to_second = f"{c.g} ⊙ s", f"{c.g} ⊙ {first} ⊙ s ⊙ (1 − s)"
    return f"concatenate(({to_first}, {to_second}), axis={axis}) where s = sigmoid({second})"


SUM, MEAN = 0, 1  # what torch calls the modes of bags; 2 is the largest


def _bags(c: Chain) -> str:
    """Bags of rows: their sum, mean or largest. Which bag each use of a row is in, torch keeps only for a mean."""
    mode, rows = c.attribute("mode"), f"zeros({c.shape_of(0)})"
    if c.attribute("scale_grad_by_freq") or c.attribute("padding_idx") >= 0 or c.has("per_sample_weights"):
        raise Unnamed("the weight of each row")
    if mode not in (SUM, MEAN):
        return f"put_along({rows}, {c.kept('result3', 'places')}, {c.g}, axis=0)"
    count, indices = c.tensor("indices").numel(), c.kept("indices", "indices")
    if mode == SUM:
        bag = f"searchsorted({c.kept('offsets', 'offsets')}, arange({count}), side='right') − 1"
        return f"add_rows({rows}, {indices}, rows({c.g}, {bag}))"
    if c.tensor("result1").numel() != count:
        raise Unnamed("which bag a row is in")
    bag, size = c.kept("result1", "bag"), c.kept("result2", "size of the bags")
    return f"add_rows({rows}, {indices}, rows({c.g} / expand_dims({size}, 1), {bag}))"


def _over(c: Chain) -> str:
    """How a loss averages: the text to divide by."""
    return f" / {c.tensor('self').numel()}" if c.attribute("reduction") == 1 else ""


def _smooth(c: Chain) -> str:
    beta = c.attribute("beta")
    apart = f"({c['self']} − {c['target']})"
    return f"{c.g} × clip({apart} / {figure(beta)}, (−1), 1){_over(c)}"


def _huber(c: Chain) -> str:
    delta = c.attribute("delta")
    return f"{c.g} × clip({c['self']} − {c['target']}, {figure(-delta)}, {figure(delta)}){_over(c)}"


def _gather(c: Chain) -> str:
    shape = c.shape_of(0)
    return f"put_along(zeros({shape}), {c.kept('index', 'index')}, {c.g}, axis={c.axis(axes=len(shape))})"


def _index_select(c: Chain) -> str:
    shape = c.shape_of(0)
    return f"add_along(zeros({shape}), {c['index']}, {c.g}, axis={c.axis(axes=len(shape))})"


def _chosen(c: Chain) -> str:
    """The largest or smallest along an axis, or the sorted: each gradient goes to where its value came from."""
    shape = c.shape_of(0)
    axis = c.axis(axes=len(shape))
    dropped = len(c.shape) < len(shape)
    places = c.kept("indices", "places")
    g = f"expand_dims({c.g}, {axis})" if dropped else c.g
    places = f"expand_dims({places}, {axis})" if dropped else places
    return f"put_along(zeros({shape}), {places}, {g}, axis={axis})"


def _kept(c: Chain, text: str, axis: str) -> str:
    """A value of the reduced shape, in the shape of the operand."""
    shape = c.shape_of(0)
    return text if len(c.shape) == len(shape) else f"repeat_along({text}, axis={axis}, shape={shape})"


def _logsumexp(c: Chain) -> str:
    axis = c.axis(axes=len(c.shape_of(0)))
    return f"{_kept(c, c.g, axis)} ⊙ exp({c['self']} − {_kept(c, c.y, axis)})"


def _spread(c: Chain) -> tuple[str, str, str]:
    """For variance and deviation: the axes, how far the operand is from its mean, and the count to divide by."""
    shape, held = c.shape_of(0), c.attribute("dim")
    axes = tuple(sorted(each % len(shape) for each in held)) if held else tuple(range(len(shape)))
    count = 1
    for each in axes:
        count *= shape[each]
    correction = c.attribute("correction")
    over = count - (1 if correction is None else correction)
    axis = str(axes[0]) if len(axes) == 1 else str(axes)
    return axis, f"({c['self']} − mean({c['self']}, axis={axis}, keepdims=True))", figure(over)


def _variance(c: Chain) -> str:
    axis, apart, over = _spread(c)
    return f"{_kept(c, c.g, axis)} × 2 ⊙ {apart} / {over}"


def _deviation(c: Chain) -> str:
    axis, apart, over = _spread(c)
    deviation = _kept(c, c.kept("result0", "deviation") if c.node.name().startswith("StdMean") else c.y, axis)
    return f"where({deviation} > 0, {_kept(c, c.g, axis)} / {deviation}, 0) ⊙ {apart} / {over}"


def _moments(c: Chain, spread: Line) -> str:
    """A variance or deviation and the mean beside it, of which the loss may be made of one only."""
    axis = _spread(c)[0]
    count = math.prod(c.shape_of(0)) // max(1, math.prod(c.shape))
    mean = f"{_kept(c, GRADIENT + atom(c.named(1)), axis)} / {count}"
    return " + ".join([*([spread(c)] if c.comes_to(0) else []), *([mean] if c.comes_to(1) else [])])


def _margins(c: Chain) -> str:
    """Each class that comes within a margin of the target is pushed away, and the target from all of them."""
    if c.attribute("p") != 1 or c.has("weight") or c.shape or len(c.shape_of(0)) != 2:
        raise Unnamed("another power, or weights")
    x, classes = c["self"], c.shape_of(0)[1]
    near = f"{figure(c.attribute('margin'))} − sum({x} ⊙ t, axis=1, keepdims=True) + {x}"
    where = f"w = [{near} > 0] ⊙ (1 − t); t = one_hot({c['target']}, {classes})"
    over = _over(c) or f" / {classes}"
    return f"{c.g} × (w − t ⊙ sum(w, axis=1, keepdims=True)){over} where {where}"


def _outputs(c: Chain) -> str:
    """The gradients of all outputs, in order."""
    count = len(c.node._input_metadata)
    if count > 8:
        raise Unnamed("so many outputs")
    return ", ".join(GRADIENT + atom(c.named(number)) for number in range(count))


def _joined(c: Chain) -> str:
    return f"concatenate(({_outputs(c)}), axis={c.axis()})"


def _stacked(c: Chain) -> str:
    return f"stack(({_outputs(c)}), axis={c.axis(axes=len(c.shape_of(0)))})"


def _average(c: Chain) -> str:
    if c.attribute("ceil_mode") or c.attribute("divisor_override") is not None or not c.attribute("count_include_pad"):
        raise Unnamed("the windows' own counts")
    stride = c.attribute("stride") or c.attribute("kernel_size")
    window, padding = c.attribute("kernel_size"), c.attribute("padding")
    return f"spread({c.g}, shape={c.shape_of(0)}, window={window}, stride={stride}, padding={padding})"


def _mask_store(c: Chain, place: int) -> str:
    """`h[mask] = values`, and what adds to places by their index."""
    mask = c.tensor("indices")
    if c.attribute("accumulate"):
        places = c.kept("indices", "indices")
        return c.g if place == 0 else f"sum_to(rows({c.g}, {places}), shape={c.shape_of(1)})"
    if str(mask.dtype) != "torch.bool":
        raise Unnamed("the places")
    name = c.kept("indices", "mask")
    return f"{c.g} ⊙ [not {name}]" if place == 0 else f"sum_to(rows({c.g}, {name}), shape={c.shape_of(1)})"


_ONE: dict[str, Line] = {
    "LeakyReluBackward1": _leaky_in_place,
    "EluBackward0": _elu,
    "CeluBackward0": _celu,
    "MishBackward0": _mish,
    "HardswishBackward0": _hardswish,
    "HardsigmoidBackward0": lambda c: f"{c.g} / 6 ⊙ [{c['self']} > (−3)] ⊙ [{c['self']} < 3]",
    "GluBackward0": _gated,
    "LogSigmoidBackward0": lambda c: f"{c.g} ⊙ (1 − sigmoid({c['self']}))",
    "AtanBackward0": lambda c: f"{c.g} / (1 + {c['self']}^2)",
    "ErfBackward0": lambda c: f"{c.g} ⊙ exp(−({c['self']}^2)) × 2 / sqrt(π)",
    "MulBackward1": lambda c: f"{c.g} × {c.number('other')}",
    "DivBackward1": lambda c: f"{c.g} / {c.number('other')}",
    "AddBackward1": lambda c: c.g,
    "SubBackward1": lambda c: c.g,
    "SqueezeBackward3": lambda c: f"reshape({c.g}, {c.shape_of(0)})",
    "SqueezeBackward4": lambda c: f"reshape({c.g}, {c.shape_of(0)})",
    "GatherBackward0": _gather,
    "IndexSelectBackward0": _index_select,
    "MaxBackward0": _chosen,
    "MinBackward0": _chosen,
    "SortBackward0": _chosen,
    "MedianBackward1": _chosen,
    "KthvalueBackward0": _chosen,
    "ModeBackward0": _chosen,
    "TopkBackward0": _chosen,
    "LogsumexpBackward0": _logsumexp,
    "VarBackward0": _variance,
    "StdBackward0": _deviation,
    "VarMeanBackward0": partial(_moments, spread=_variance),
    "StdMeanBackward0": partial(_moments, spread=_deviation),
    "MultiMarginLossBackward0": _margins,
    "TrilBackward0": lambda c: f"tril({c.g}, {c.attribute('diagonal')})",
    "TriuBackward0": lambda c: f"triu({c.g}, {c.attribute('diagonal')})",
    "FlipBackward0": lambda c: f"flip({c.g}, axis={c.axis('dims')})",
    "AvgPool2DBackward0": _average,
    "AvgPool3DBackward0": _average,
}

FURTHER: dict[str, Rule] = {kind: Rule("self", line) for kind, line in _ONE.items()}
FURTHER |= {
    "SplitBackward0": Rule("self", _joined),
    "UnsafeSplitBackward0": Rule("self", _joined),
    "SplitWithSizesBackward0": Rule("self", _joined),
    "UnbindBackward0": Rule("self", _stacked),
    "SmoothL1LossBackward0": Rule("self target", _smooth),
    "HuberLossBackward0": Rule("self target", _huber),
    "PreluKernelBackward0": Rule(
        "self weight",
        lambda c: f"{c.g} ⊙ ([{c['self']} > 0] + {c['weight']} ⊙ [{c['self']} ≤ 0])",
        lambda c: c.summed(f"{c.g} ⊙ {c['self']} ⊙ [{c['self']} ≤ 0]", 1),
    ),
    "BaddbmmBackward0": Rule(
        "self batch1 batch2",
        lambda c: c.summed(c.g if c.attribute("beta") == 1 else f"{c.number('beta')} × {c.g}", 0),
        lambda c: f"{c.g} · {c.turned('batch2')}" + ("" if c.attribute("alpha") == 1 else f" × {c.number('alpha')}"),
        lambda c: f"{c.turned('batch1')} · {c.g}" + ("" if c.attribute("alpha") == 1 else f" × {c.number('alpha')}"),
    ),
    "EmbeddingBagBackward0": Rule("weight", _bags, words="each row gets the sum of what came to its uses"),
    "NativeDropoutBackward0": Rule(
        "input", lambda c: f"{c.g} ⊙ {c.kept('result1', 'mask')} / {figure(1 - c.attribute('p'))}"
    ),
    "IndexPutBackward0": Rule("self values", many=_mask_store),
}
