"""The table of derivatives: for each kind of node of autograd's graph, how gradients leave it.

After torch's own tools/autograd/derivatives.yaml; what each line means is tested against what torch computes.
"""

from __future__ import annotations

import math

from stepper.engines.derivatives_decompositions import DECOMPOSITIONS
from stepper.engines.derivatives_entries import ENTRIES
from stepper.engines.derivatives_functions import FUNCTIONS
from stepper.engines.derivatives_further import FURTHER
from stepper.engines.derivatives_matrices import MATRICES
from stepper.engines.formulas import Chain, Line, Rule, Unnamed, figure, summed


def _same(c: Chain) -> str:
    return c.g


def _back(c: Chain) -> str:
    return f"reshape({c.g}, {c.shape_of(0)})"


def _scaled(text: str, factor: object) -> str:
    return text if factor == 1 else f"{figure(factor)} × {text}"


def _factor(number: object) -> str:
    return "" if number == 1 else f"{figure(number)} × "


def _times(c: Chain, other: str, place: int) -> str:
    return c.summed(f"{c.g} ⊙ {c[other]}", place)


def _over(c: Chain) -> str:
    """How a loss averages: the text to divide by."""
    reduction = c.attribute("reduction")
    return f" / {c.tensor('self').numel()}" if reduction == 1 else ""


def _power(c: Chain) -> str:
    exponent = c.attribute("exponent")
    if exponent == 1:
        return c.g
    if exponent == 2:
        return f"{c.g} ⊙ (2 × {c['self']})"
    return f"{c.g} ⊙ ({figure(exponent)} × {c['self']}^{figure(exponent - 1)})"


def _clamp(c: Chain) -> str:
    low, high = c.attribute("min"), c.attribute("max")
    text = c.g
    if low is not None:
        text += f" ⊙ [{c['self']} ≥ {figure(low)}]"
    return text if high is None else text + f" ⊙ [{c['self']} ≤ {figure(high)}]"


def _repeated(c: Chain) -> str:
    axes = len(c.shape_of(0))
    return f"repeat_along({c.g}, axis={c.axis(axes=axes)}, shape={c.shape_of(0)})"


def _repeated_kept(c: Chain) -> str:
    return f"expand({c.g}, {c.shape_of(0)})" if c.attribute("keepdim") else _repeated(c)


def _mean(c: Chain) -> str:
    count = c.attribute("self_sym_numel") // max(1, _size(c.shape))
    return f"{_repeated_kept(c)} / {count}"


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for extent in shape:
        size *= extent
    return size


def _nll(c: Chain) -> str:
    """A target that is to be left out has no gradient, whether it is a class (0) or none (−100)."""
    reduction, ignored = c.attribute("reduction"), c.attribute("ignore_index")
    target, shape = c["target"], c.shape_of(0)
    alone = len(shape) == 1  # one sample, without an axis for it
    image = len(shape) > 2  # the classes lie along an axis that is not the last
    chosen = f"one_hot({target}, {shape[1]}, axis=1)" if image else f"one_hot({target}, {shape[-1]})"
    text = f"−{c.g if alone or reduction else f'expand_dims({c.g}, 1)'} × {chosen}"
    if c.any("target", ignored):
        kept = f"[{target} ≠ {figure(ignored)}]"
        text += f" ⊙ {kept if alone else f'expand_dims({kept}, 1)'}"
    if c.has("weight"):
        weight = c.kept("weight", "weight")
        text += f" ⊙ {f'channels({weight}, {len(shape)})' if image else weight}"
    return f"{text} / {figure(c.tensor('total_weight').item())}" if reduction == 1 else text


def _embedding(c: Chain) -> str:
    if c.attribute("scale_grad_by_freq"):
        raise Unnamed("how often each row was used")
    g, padding = c.g, c.attribute("padding_idx")
    if padding >= 0 and c.any("indices", padding):
        g += f" ⊙ expand_dims([{c['indices']} ≠ {padding}], {c.tensor('indices').ndim})"
    return f"add_rows(zeros({c.shape_of(0)}), {c['indices']}, {g})"


def _softplus(c: Chain) -> str:
    """torch's own is h itself beyond a threshold."""
    x, limit = f"{_factor(c.attribute('beta'))}{c['self']}", c.number("threshold")
    return f"{c.g} ⊙ (sigmoid({x}) ⊙ [{x} ≤ {limit}] + [{x} > {limit}])"


def _bce(c: Chain, inner: str) -> str:
    weight = f" ⊙ {c.kept('weight', 'weight')}" if c.has("weight") else ""
    return f"{c.g} ⊙ {inner}{weight}{_over(c)}"


def _bce_logits(c: Chain) -> str:
    x, target = c["self"], c["target"]
    if not c.has("pos_weight"):
        return _bce(c, f"(sigmoid({x}) − {target})")
    positive = c.kept("pos_weight", "pos_weight")
    return _bce(c, f"(sigmoid({x}) ⊙ (1 + ({positive} − 1) ⊙ {target}) − {positive} ⊙ {target})")


def _places(c: Chain) -> str:
    return (
        f"stride={c.attribute('stride')}, padding={c.attribute('padding')}, "
        f"dilation={c.attribute('dilation')}, groups={c.attribute('groups')}"
    )


def _convolution(c: Chain, place: int) -> str:
    axes = len(c.shape)
    if place == 2:
        return f"sum({c.g}, axis={(0, *range(2, axes))})"
    if c.attribute("transposed"):  # it is the way back of a convolution, and its own way back that convolution
        if place == 0:
            return f"convolution({c.g}, {c['weight']}, {_places(c)})"
        return f"convolution_weight({c['input']}, {c.g}, shape={c.shape_of(1)}, {_places(c)})"
    if place == 0:
        return f"convolution_input({c.g}, {c['weight']}, shape={c.shape_of(0)}, {_places(c)})"
    return f"convolution_weight({c.g}, {c['input']}, shape={c.shape_of(1)}, {_places(c)})"


def _pool(c: Chain) -> str:
    stride = c.attribute("stride") or c.attribute("kernel_size")
    return (
        f"to_largest({c.g}, {c['self']}, window={c.attribute('kernel_size')}, stride={stride}, "
        f"padding={c.attribute('padding')}, dilation={c.attribute('dilation')}, "
        f"ceil={c.attribute('ceil_mode')})"
    )


def _layer_norm(c: Chain, place: int) -> str:
    last = len(c.attribute("normalized_shape"))
    axes = len(c.shape)
    over = tuple(range(axes - last, axes))
    leading = tuple(range(axes - last))
    x = c["input"]
    scale = c.kept("result2", "1/σ")
    where = f"x̂ = ({x} − mean({x}, axis={over}, keepdims=True)) ⊙ {scale}"
    if place == 2:
        return summed(c.g, c.shape, c.shape_of(2))
    if place == 1:
        return f"sum({c.g} ⊙ x̂, axis={leading}) where {where}"
    a = f"{c.g} ⊙ {c['weight']}" if c.has("weight") else c.g
    means = f"mean(a, axis={over}, keepdims=True) − x̂ ⊙ mean(a ⊙ x̂, axis={over}, keepdims=True)"
    return f"(a − {means}) ⊙ {scale} where a = {a}; {where}"


def _batch_norm(c: Chain, place: int) -> str:
    axes = len(c.shape)
    over = (0, *range(2, axes))
    if place == 2:
        return f"sum({c.g}, axis={over})"
    x, eps = c["input"], figure(c.attribute("epsilon" if c.node.name().startswith("Cudnn") else "eps"))
    if c.attribute("training"):
        mean = f"mean({x}, axis={over}, keepdims=True)"
        deviation = f"sqrt(variance({x}, axis={over}) + {eps})"
    else:
        mean = f"channels({c['running_mean']}, {axes})"
        deviation = f"sqrt(channels({c['running_var']}, {axes}) + {eps})"
    where = f"x̂ = ({x} − {mean}) / σ; σ = {deviation}"
    if place == 1:
        return f"sum({c.g} ⊙ x̂, axis={over}) where {where}"
    a = f"{c.g} ⊙ channels({c['weight']}, {axes})" if c.has("weight") else c.g
    if not c.attribute("training"):
        return f"a / σ where a = {a}; σ = {deviation}"
    means = f"mean(a, axis={over}, keepdims=True) − x̂ ⊙ mean(a ⊙ x̂, axis={over}, keepdims=True)"
    return f"(a − {means}) / σ where a = {a}; {where}"


def _cat(c: Chain, place: int) -> str:
    axis = int(c.axis())
    edges = c.node.next_functions
    if any(before is None for before, _ in edges[:place]):
        raise Unnamed("how long the parts before it are")
    start = sum(c.shape_of(before)[axis] for before in range(place))
    return f"part({c.g}, axis={axis}, start={start}, stop={start + c.shape_of(place)[axis]})"


def _hooked(c: Chain, place: int) -> str:
    """torch's own node around a module with a full backward hook: it passes the gradient on."""
    if len(c.node._input_metadata) != 1 or place:
        raise Unnamed("which of several gradients it is")
    return c.g


def _stack(c: Chain, place: int) -> str:
    return f"part({c.g}, axis={c.axis()}, index={place})"


def _select(c: Chain) -> str:
    shape = c.shape_of(0)
    return f"put_into(zeros({shape}), {c.g}, axis={c.axis(axes=len(shape))}, index={c.attribute('index')})"


def _slice(c: Chain) -> str:
    shape = c.shape_of(0)
    axis = c.axis(axes=len(shape))
    stop = min(c.attribute("end"), shape[int(axis)])
    span = f"start={c.attribute('start')}, stop={stop}, step={c.attribute('step')}"
    return f"put_into(zeros({shape}), {c.g}, axis={axis}, {span})"


def _norm(c: Chain) -> str:
    held, order = c.attribute("dim"), c.attribute("ord")
    if order != 2:
        return _other_norm(c, order)
    if held is None or c.attribute("keepdim") or c.shape == ():
        return f"{c.g} × {c['self']} / {c.y}"
    axis, shape = c.axis(axes=len(c.shape_of(0))), c.shape_of(0)
    return f"repeat_along({c.g} / {c.y}, axis={axis}, shape={shape}) ⊙ {c['self']}"


def _other_norm(c: Chain, order: float) -> str:
    if not 1 <= order < math.inf:
        raise Unnamed("another norm")
    x, shape = c["self"], c.shape_of(0)
    part = c.g if order == 1 else f"{c.g} / {c.y}^{figure(order - 1)}"
    if c.shape != () and not c.attribute("keepdim"):
        part = f"repeat_along({part}, axis={c.axis(axes=len(shape))}, shape={shape})"
    return f"{part} ⊙ sign({x})" + ("" if order == 1 else f" ⊙ abs({x})^{figure(order - 1)}")


def _gelu(c: Chain) -> str:
    x = c["self"]
    if c.attribute("approximate") == "none":
        return f"{c.g} ⊙ (Φ({x}) + {x} ⊙ φ({x}))"
    inner = f"sqrt(2 / π) × (1 + 0.134145 × {x}^2)"
    where = f"s = tanh(sqrt(2 / π) × ({x} + 0.044715 × {x}^3))"
    return f"{c.g} ⊙ (1 + s + {x} ⊙ (1 − s^2) ⊙ {inner}) / 2 where {where}"


_ELEMENTWISE: dict[str, Line] = {
    "ExpBackward0": lambda c: f"{c.g} ⊙ {c.y}",
    "LogBackward0": lambda c: f"{c.g} / {c['self']}",
    "Log1PBackward0": lambda c: f"{c.g} / (1 + {c['self']})",
    "SqrtBackward0": lambda c: f"{c.g} / (2 × {c.y})",
    "RsqrtBackward0": lambda c: f"−{c.g} ⊙ {c.y}^3 / 2",
    "ReciprocalBackward0": lambda c: f"−{c.g} ⊙ {c.y}^2",
    "AbsBackward0": lambda c: f"{c.g} ⊙ sign({c['self']})",
    "SinBackward0": lambda c: f"{c.g} ⊙ cos({c['self']})",
    "CosBackward0": lambda c: f"−{c.g} ⊙ sin({c['self']})",
    "NegBackward0": lambda c: f"−{c.g}",
    "PowBackward0": _power,
    "ReluBackward0": lambda c: f"{c.g} ⊙ [{c.y} > 0]",
    "ClampBackward1": _clamp,
    "ClampMinBackward0": lambda c: f"{c.g} ⊙ [{c['self']} ≥ {c.number('min')}]",
    "ClampMaxBackward0": lambda c: f"{c.g} ⊙ [{c['self']} ≤ {c.number('max')}]",
    "ThresholdBackward0": lambda c: f"{c.g} ⊙ [{c['self']} > {c.number('threshold')}]",
    "HardtanhBackward0": lambda c: (
        f"{c.g} ⊙ [{c['self']} > {c.number('min_val')}] ⊙ [{c['self']} < {c.number('max_val')}]"
    ),
    "LeakyReluBackward0": lambda c: f"{c.g} ⊙ ([{c['self']} > 0] + {c.number('negative_slope')} × [{c['self']} ≤ 0])",
    "SigmoidBackward0": lambda c: f"{c.g} ⊙ {c.y} ⊙ (1 − {c.y})",
    "TanhBackward0": lambda c: f"{c.g} ⊙ (1 − {c.y}^2)",
    "SoftplusBackward0": _softplus,
    "SiluBackward0": lambda c: f"{c.g} ⊙ sigmoid({c['self']}) ⊙ (1 + {c['self']} ⊙ (1 − sigmoid({c['self']})))",
    "GeluBackward0": _gelu,
    "SumBackward0": lambda c: f"expand({c.g}, {c.shape_of(0)})",
    "SumBackward1": _repeated_kept,
    "MeanBackward0": lambda c: f"expand({c.g}, {c.shape_of(0)}) / {c.attribute('self_sym_numel')}",
    "MeanBackward1": _mean,
    "TBackward0": lambda c: f"({c.g})ᵀ",
    "PermuteBackward0": lambda c: f"transpose_back({c.g}, axes={c.attribute('dims')})",
    "ExpandBackward0": lambda c: summed(c.g, c.shape, c.shape_of(0)),
    "SoftmaxBackward0": lambda c: f"{c.y} ⊙ ({c.g} − sum({c.g} ⊙ {c.y}, axis={c.axis()}, keepdims=True))",
    "SafeSoftmaxBackward0": lambda c: f"{c.y} ⊙ ({c.g} − sum({c.g} ⊙ {c.y}, axis={c.axis()}, keepdims=True))",
    "LogSoftmaxBackward0": lambda c: f"{c.g} − exp({c.y}) ⊙ sum({c.g}, axis={c.axis()}, keepdims=True)",
    "NllLossBackward0": _nll,
    "NllLoss2DBackward0": _nll,
    "MaxPool2DWithIndicesBackward0": _pool,
    "MaxPool3DWithIndicesBackward0": _pool,
    "SelectBackward0": _select,
    "SliceBackward0": _slice,
    "LinalgVectorNormBackward0": _norm,
    **dict.fromkeys(
        (
            "ViewBackward0",
            "ReshapeAliasBackward0",
            "UnsafeViewBackward0",
            "UnsqueezeBackward0",
            "SqueezeBackward0",
            "SqueezeBackward1",
            "SqueezeBackward2",
        ),
        _back,
    ),
    **dict.fromkeys(
        ("TransposeBackward0", "TransposeBackward1"),
        lambda c: f"swapaxes({c.g}, {c.axis('dim0')}, {c.axis('dim1')})",
    ),
    **dict.fromkeys(("CloneBackward0", "ToCopyBackward0", "AliasBackward0", "ViewAsBackward0"), _same),
}

RULES: dict[str, Rule] = {kind: Rule("self", line) for kind, line in _ELEMENTWISE.items()}
RULES |= FURTHER | FUNCTIONS | ENTRIES | MATRICES | DECOMPOSITIONS
RULES |= {
    "MmBackward0": Rule("self mat2", lambda c: f"{c.g} · {c.turned('mat2')}", lambda c: f"{c.turned('self')} · {c.g}"),
    "BmmBackward0": Rule("self mat2", lambda c: f"{c.g} · {c.turned('mat2')}", lambda c: f"{c.turned('self')} · {c.g}"),
    "AddmmBackward0": Rule(
        "self mat1 mat2",
        lambda c: c.summed(_scaled(c.g, c.attribute("beta")), 0),
        lambda c: _scaled(f"{c.g} · {c.turned('mat2')}", c.attribute("alpha")),
        lambda c: _scaled(f"{c.turned('mat1')} · {c.g}", c.attribute("alpha")),
    ),
    "MvBackward0": Rule("self vec", lambda c: f"outer({c.g}, {c['vec']})", lambda c: f"{c.turned('self')} · {c.g}"),
    "DotBackward0": Rule("self tensor", lambda c: f"{c.g} × {c['tensor']}", lambda c: f"{c.g} × {c['self']}"),
    "AddBackward0": Rule(
        "self other",
        lambda c: c.summed(c.g, 0),
        lambda c: c.summed(_scaled(c.g, c.attribute("alpha")), 1),
    ),
    "SubBackward0": Rule(
        "self other",
        lambda c: c.summed(c.g, 0),
        lambda c: c.summed(f"−{_scaled(c.g, c.attribute('alpha'))}", 1),
    ),
    "RsubBackward1": Rule("self", lambda c: f"−{_scaled(c.g, c.attribute('alpha'))}"),
    "MulBackward0": Rule("self other", lambda c: _times(c, "other", 0), lambda c: _times(c, "self", 1)),
    "DivBackward0": Rule(
        "self other",
        lambda c: c.summed(f"{c.g} / {c['other']}", 0),
        lambda c: c.summed(f"−{c.g} ⊙ {c['self']} / {c['other']}^2", 1),
    ),
    "PowBackward1": Rule(
        "self exponent",
        lambda c: c.summed(f"{c.g} ⊙ {c['exponent']} ⊙ {c['self']}^({c['exponent']} − 1)", 0),
        lambda c: c.summed(f"{c.g} ⊙ {c.y} ⊙ log({c['self']})", 1),
    ),
    "MseLossBackward0": Rule(
        "self target",
        lambda c: f"{c.g} × 2 × ({c['self']} − {c['target']}){_over(c)}",
        lambda c: f"{c.g} × 2 × ({c['target']} − {c['self']}){_over(c)}",
    ),
    "BinaryCrossEntropyWithLogitsBackward0": Rule("self target", _bce_logits),
    "BinaryCrossEntropyBackward0": Rule(
        "self target",
        lambda c: _bce(c, f"({c['self']} − {c['target']}) / ({c['self']} ⊙ (1 − {c['self']}))"),
    ),
    "MaximumBackward0": Rule(
        "self other",
        lambda c: c.summed(f"{c.g} ⊙ ([{c['self']} > {c['other']}] + [{c['self']} = {c['other']}] / 2)", 0),
        lambda c: c.summed(f"{c.g} ⊙ ([{c['other']} > {c['self']}] + [{c['self']} = {c['other']}] / 2)", 1),
    ),
    "MinimumBackward0": Rule(
        "self other",
        lambda c: c.summed(f"{c.g} ⊙ ([{c['self']} < {c['other']}] + [{c['self']} = {c['other']}] / 2)", 0),
        lambda c: c.summed(f"{c.g} ⊙ ([{c['other']} < {c['self']}] + [{c['self']} = {c['other']}] / 2)", 1),
    ),
    "WhereBackward0": Rule(
        "self other",
        lambda c: c.summed(f"{c.g} ⊙ [{c['condition']}]", 0),
        lambda c: c.summed(f"{c.g} ⊙ [not {c['condition']}]", 1),
    ),
    "MaskedFillBackward0": Rule("self", lambda c: f"{c.g} ⊙ [not {c['mask']}]"),
    "EmbeddingBackward0": Rule(
        "weight",
        _embedding,
        words="each row gets the sum of what came to its uses",
    ),
    "IndexBackward0": Rule("self", lambda c: f"add_at(zeros({c.shape_of(0)}), {c['indices']}, {c.g})"),
    "BackwardHookFunctionBackward": Rule("", many=_hooked, words="as the module's own backward hook leaves it"),
    "CatBackward0": Rule("tensors", many=_cat),
    "StackBackward0": Rule("tensors", many=_stack),
    "ConvolutionBackward0": Rule("input weight bias", many=_convolution),
    "NativeLayerNormBackward0": Rule("input weight bias", many=_layer_norm),
    "NativeBatchNormBackward0": Rule("input weight bias", many=_batch_norm),
    "CudnnBatchNormBackward0": Rule("input weight bias", many=_batch_norm),
}
