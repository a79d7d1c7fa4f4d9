"""The table of derivatives, continued: what moves, chooses, repeats or adds up entries.

After torch's own tools/autograd/derivatives.yaml; what each line means is tested against what torch computes.
"""

from __future__ import annotations

import math

from stepper.engines.formulas import Chain, Line, Rule, Unnamed, figure

ADDED = "what came to one entry several times is added up"


def _axis(c: Chain) -> str:
    return c.axis(axes=len(c.shape_of(0)))


def _kept(c: Chain, text: str) -> str:
    """A value of the reduced shape, in the shape of the operand."""
    shape = c.shape_of(0)
    if c.shape == () or len(c.shape) == len(shape):
        return text
    return f"repeat_along({text}, axis={_axis(c)}, shape={shape})"


def _running_sum(c: Chain) -> str:
    return _summed_from_behind(c, c.g)


def _running_product(c: Chain) -> str:
    if c.any("self", 0):
        raise Unnamed("the products around a zero")
    return f"{_summed_from_behind(c, f'{c.g} ⊙ {c.y}')} / {c['self']}"


def _summed_from_behind(c: Chain, text: str) -> str:
    axis = _axis(c)
    return f"flip(cumsum(flip({text}, axis={axis}), axis={axis}), axis={axis})"


def _product(c: Chain) -> str:
    if c.any("self", 0):
        raise Unnamed("the products around a zero")
    return f"{_kept(c, c.g)} ⊙ {_kept(c, c.y)} / {c['self']}"


def _extreme(c: Chain, sign: str) -> str:
    """The largest or smallest of all, or along axes: equal ones share."""
    shape = c.shape_of(0)
    along = bool(c.shape) or len(shape) == 1
    over = f", axis={_axis(c)}, keepdims=True" if along and hasattr(c.node, "_saved_dim") else ""
    places = f"m = [{c['self']} {sign} {_kept(c, c.y)}]"
    return f"{_kept(c, c.g)} ⊙ m / sum(m{over}) where {places}"


def _median(c: Chain) -> str:
    return f"{c.g} ⊙ m / sum(m) where m = [{c['self']} = {c.y}]"


def _along_kept_places(c: Chain) -> str:
    """The running largest or smallest: to where each came from."""
    places = c.kept("indices", "places")
    return f"put_along(zeros({c.shape_of(0)}), {places}, {c.g}, axis={_axis(c)})"


def _taken(c: Chain) -> str:
    shape = c.shape_of(0)
    flat = f"add_at(zeros({math.prod(shape)}), {c.kept('index', 'index')}, {c.g})"
    return f"reshape({flat}, {shape})"


def _chosen_by_mask(c: Chain) -> str:
    if tuple(c.tensor("mask").shape) != c.shape_of(0):
        raise Unnamed("the mask as it was broadcast")
    return f"add_at(zeros({c.shape_of(0)}), {c.kept('mask', 'mask')}, {c.g})"


def _unpadded(c: Chain) -> str:
    shape, pad = c.shape_of(0), c.attribute("pad")
    text = c.g
    for axis in range(len(shape)):
        place = 2 * (len(shape) - 1 - axis)
        before, behind = pad[place : place + 2] or (0, 0)
        if min(before, behind) < 0:
            raise Unnamed("what was cropped")
        if before or behind:
            text = f"part({text}, axis={axis}, start={before}, stop={before + shape[axis]})"
    return text


def _rolled(c: Chain) -> str:
    shifts, held = c.attribute("shifts"), c.attribute("dims")
    axes = tuple(each % len(c.shape) for each in held)
    back = tuple(-each for each in shifts)
    if len(back) == 1:
        return f"roll({c.g}, {figure(back[0])}, axis={axes[0] if axes else None})"
    return f"roll({c.g}, ({', '.join(map(figure, back))}), axis={axes})"


def _repeats(c: Chain) -> str:
    shape, repeats = c.shape_of(0), c.attribute("repeats")
    split: list[int] = []
    copies: list[int] = []
    whole = (1,) * (len(repeats) - len(shape)) + shape
    for times, extent in zip(repeats, whole, strict=True):
        copies.append(len(split))
        split += [times, extent]
    apart = f"sum(reshape({c.g}, {tuple(split)}), axis={tuple(copies)})"
    return apart if len(repeats) == len(shape) else f"sum_to({apart}, shape={shape})"


def _blocks(c: Chain) -> str:
    """Each entry was copied to a block."""
    shape, over = c.shape_of(0), c.shape
    if any(big % small for big, small in zip(over, shape, strict=True)):
        raise Unnamed("blocks of several sizes")
    split: list[int] = list(shape[:2])
    for big, small in zip(over[2:], shape[2:], strict=True):
        split += [small, big // small]
    return f"sum(reshape({c.g}, {tuple(split)}), axis={tuple(range(3, len(split), 2))})"


def _between(how: str) -> Line:
    def line(c: Chain) -> str:
        return f"resize_back({c.g}, shape={c.shape_of(0)}, how='{how}', align_corners={c.attribute('align_corners')})"

    return line


def _windows(c: Chain) -> str:
    """The windows of an adaptive pool, which lie side by side where one size fits."""
    shape, over = c.shape_of(0), c.shape
    axes = len(shape) - 2 if len(shape) > 3 or "2D" not in c.node.name() else 2
    pairs = list(zip(shape[-axes:], over[-axes:], strict=True))
    if any(wide % narrow for wide, narrow in pairs):
        raise Unnamed("windows of several sizes")
    window = tuple(wide // narrow for wide, narrow in pairs)
    return f"window={window}, stride={window}, padding={(0,) * axes}"


def _adaptive_average(c: Chain) -> str:
    return f"spread({c.g}, shape={c.shape_of(0)}, {_windows(c)})"


def _adaptive_largest(c: Chain) -> str:
    return f"to_largest({c.g}, {c['self']}, {_windows(c)}, dilation=(1, 1), ceil=False)"


def _diagonal(c: Chain) -> str:
    shape, offset = c.shape_of(0), c.attribute("offset")
    if shape != (c.shape[0] + abs(offset),) * 2 or (c.attribute("dim1"), c.attribute("dim2")) != (0, 1):
        raise Unnamed("the diagonal of another shape")
    return f"diag({c.g}, {figure(offset)})"


def _trace(c: Chain) -> str:
    rows, columns = c.shape_of(0)
    return f"{c.g} × eye({rows}, {columns})"


def _inserted(c: Chain, place: int) -> str:
    """`select_scatter` and `slice_scatter`: a part of the first operand was replaced by the second."""
    axis = c.axis()
    if "Select" in c.node.name():
        where = f"axis={axis}, index={c.attribute('index')}"
    else:
        start, end, whole = c.attribute("start") or 0, c.attribute("end"), c.shape[int(axis)]
        stop = whole if end is None else min(end, whole)
        where = f"axis={axis}, start={start}, stop={stop}, step={c.attribute('step')}"
    return f"part({c.g}, {where})" if place else f"put_into({c.g}, 0, {where})"


_ONE: dict[str, Line] = {
    "CumsumBackward0": _running_sum,
    "CumprodBackward0": _running_product,
    "ProdBackward0": _product,
    "ProdBackward1": _product,
    "AmaxBackward0": lambda c: _extreme(c, "≥"),
    "AminBackward0": lambda c: _extreme(c, "≤"),
    "MaxBackward1": lambda c: _extreme(c, "≥"),
    "MinBackward1": lambda c: _extreme(c, "≤"),
    "MedianBackward0": _median,
    "CummaxBackward0": _along_kept_places,
    "CumminBackward0": _along_kept_places,
    "MaskedSelectBackward0": _chosen_by_mask,
    "ConstantPadNdBackward0": _unpadded,
    "RollBackward0": _rolled,
    "Rot90Backward0": lambda c: f"rot90({c.g}, {figure(-c.attribute('k'))}, axes={c.attribute('dims')})",
    "RepeatBackward0": _repeats,
    "UpsampleNearest1DBackward0": _blocks,
    "UpsampleNearest2DBackward0": _blocks,
    "UpsampleNearest3DBackward0": _blocks,
    "UpsampleLinear1DBackward0": _between("linear"),
    "UpsampleBilinear2DBackward0": _between("bilinear"),
    "UpsampleTrilinear3DBackward0": _between("trilinear"),
    "UpsampleBicubic2DBackward0": _between("bicubic"),
    "AdaptiveAvgPool2DBackward0": _adaptive_average,
    "AdaptiveAvgPool3DBackward0": _adaptive_average,
    "AdaptiveMaxPool2DBackward0": _adaptive_largest,
    "DiagonalBackward0": _diagonal,
    "TraceBackward0": _trace,
    "PixelShuffleBackward0": lambda c: f"pixel_unshuffle({c.g}, {c.attribute('upscale_factor')})",
}

ENTRIES: dict[str, Rule] = {kind: Rule("self", line) for kind, line in _ONE.items()}
ENTRIES |= {
    "DiagEmbedBackward0": Rule("self", lambda c: f"diagonal({c.g}, {figure(c.attribute('offset'))})"),
    "TakeBackward0": Rule("self", _taken, words=ADDED),
    "ScatterBackward0": Rule(
        "self src",
        lambda c: f"put_along({c.g}, {c.kept('index', 'index')}, 0, axis={c.axis()})",
        lambda c: f"take_along({c.g}, {c.kept('index', 'index')}, axis={c.axis()})",
    ),
    "ScatterAddBackward0": Rule(
        "self src",
        lambda c: c.g,
        lambda c: f"take_along({c.g}, {c.kept('index', 'index')}, axis={c.axis()})",
    ),
    "IndexAddBackward0": Rule(
        "self source",
        lambda c: c.g,
        lambda c: (
            f"take({c.g}, {c.kept('index', 'index')}, axis={c.axis()})"
            + ("" if c.attribute("alpha") == 1 else f" × {c.number('alpha')}")
        ),
    ),
    "MaskedFillBackward1": Rule(
        "self value",
        lambda c: f"{c.g} ⊙ [not {c['mask']}]",
        lambda c: f"sum({c.g} ⊙ [{c['mask']}])",
    ),
    "SelectScatterBackward0": Rule("self src", many=_inserted),
    "SliceScatterBackward0": Rule("self src", many=_inserted),
    "torch::autograd::CopyBackwards": Rule("self src", None, lambda c: c.g),
}
