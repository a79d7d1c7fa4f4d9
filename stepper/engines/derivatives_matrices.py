"""The table of derivatives, continued: products, inverses and distances of matrices, attention, norms.

After torch's own tools/autograd/derivatives.yaml; what each line means is tested against what torch computes.
"""

from __future__ import annotations

from stepper.engines.formulas import Chain, Rule, Unnamed, figure
from stepper.engines.graph import GRADIENT, atom


def _scaled(c: Chain, text: str, name: str) -> str:
    return text if c.attribute(name) == 1 else f"{c.number(name)} × {text}"


def _determinant(c: Chain) -> str:
    if c.shape:
        raise Unnamed("several matrices")
    return f"{c.g} × {c.y} × inv({c['A']})ᵀ"


def _log_determinant(c: Chain) -> str:
    if c.shape:
        raise Unnamed("several matrices")
    c.only_real()  # to the sign of a complex one a gradient comes, too
    return f"{GRADIENT}{atom(c.named(1))} × inv({c['A']})ᵀ"


def _solved(c: Chain, place: int) -> str:
    """`solve(A, B)`: what comes back is solved for, too."""
    if not c.attribute("left"):
        raise Unnamed("a system from the right")
    alone = len(c.shape) == 1  # a vector
    if c.shape_of(place)[:-2] != c.shape[:-2] or c.tensor("A").ndim != len(c.shape) + alone:
        raise Unnamed("one for several systems, or several vectors")
    back = f"solve({c.turned('A')}, {c.g})"
    if place == 1:
        return back
    return f"−outer({back}, {c.y})" if alone else f"−{back} · {atom(c.y)}ᵀ"


def _distance(c: Chain, one: str, other: str) -> str:
    if c.attribute("p") != 2:
        raise Unnamed("another distance")
    return f"{c.g} × ({c[one]} − {c[other]}) / {c.y}"


def _distances(c: Chain, place: int) -> str:
    """Of each row of the one to each row of the other; those that are the same pass nothing on."""
    if c.attribute("p") != 2:
        raise Unnamed("another distance")
    own, other = (c["x1"], c["x2"]) if place == 0 else (c["x2"], c["x1"])
    axis, shares = (-1, "w") if place == 0 else (-2, "wᵀ")
    total = f"expand_dims(sum(w, axis={figure(axis)}), {len(c.shape) - 1})"
    return f"{total} ⊙ {own} − {shares} · {other} where w = {c.g} / {c.y} ⊙ [{c.y} > 0]"


def _norm(c: Chain) -> str:
    """The norm of order 2 along axes, of all entries where no axis is told."""
    if c.attribute("p") != 2:
        raise Unnamed("another norm")
    shape = c.shape_of(0)
    part = f"{c.g} / {c.y}"
    if c.shape and not c.attribute("keepdim"):
        part = f"repeat_along({part}, axis={c.axis(axes=len(shape))}, shape={shape})"
    return f"{part} ⊙ {c['self']}"


def _attention(c: Chain, place: int) -> str:
    if c.attribute("dropout_p"):
        raise Unnamed("what is left out")
    query, key = c["query"], c["key"]
    scale = c.attribute("scale")
    size = c.tensor("query").shape[-1]
    times = f"/ sqrt({size})" if scale is None else f"× {figure(scale)}"
    scores = f"{query} · {c.turned('key')} {times}"
    scores += f" + {c.kept('attn_mask', 'mask')}" if c.has("attn_mask") else ""
    shares = f"P = softmax({f'causal({scores})' if c.attribute('is_causal') else scores}, axis=(−1))"
    if place == 2:
        return f"Pᵀ · {c.g} where {shares}"
    came = f"{c.g} · {c.turned('value')}"
    back = f"S = P ⊙ (({came}) − sum(({came}) ⊙ P, axis=(−1), keepdims=True)) {times}"
    return f"{f'S · {key}' if place == 0 else f'Sᵀ · {query}'} where {back}; {shares}"


def _group_norm(c: Chain, place: int) -> str:
    shape, groups = c.shape_of(0), c.attribute("group")
    axes = len(shape)
    if place == 2:
        return f"sum({c.g}, axis={(0, *range(2, axes))})"
    apart = (shape[0], groups, c.attribute("C") // groups * c.attribute("HxW"))
    x, scale = f"reshape({c['input']}, {apart})", f"expand_dims({c.kept('result2', '1/σ')}, 2)"
    where = f"x̂ = ({x} − mean({x}, axis=2, keepdims=True)) ⊙ {scale}"
    if place == 1:
        return f"sum({c.g} ⊙ reshape(x̂, {shape}), axis={(0, *range(2, axes))}) where {where}"
    a = f"{c.g} ⊙ channels({c['weight']}, {axes})" if c.has("weight") else c.g
    means = "mean(a, axis=2, keepdims=True) − x̂ ⊙ mean(a ⊙ x̂, axis=2, keepdims=True)"
    return f"reshape((a − {means}) ⊙ {scale}, {shape}) where a = reshape({a}, {apart}); {where}"


def _weight_norm(c: Chain, place: int) -> str:
    """A weight as a direction and a length: w = v × g / ‖v‖."""
    v, length, norm = c["v"], c["g"], c.kept("result1", "‖v‖")
    axes = tuple(each for each in range(len(c.shape)) if each != c.attribute("dim"))
    along = f"sum({c.g} ⊙ {v}, axis={axes}, keepdims=True) / {norm}"
    if place == 1:
        return along
    return f"({c.g} − {v} ⊙ ({along}) / {norm}) ⊙ {length} / {norm}"


MATRICES: dict[str, Rule] = {
    "AddmvBackward0": Rule(
        "self mat vec",
        lambda c: c.summed(_scaled(c, c.g, "beta"), 0),
        lambda c: _scaled(c, f"outer({c.g}, {c['vec']})", "alpha"),
        lambda c: _scaled(c, f"{c.turned('mat')} · {c.g}", "alpha"),
    ),
    "AddrBackward0": Rule(
        "self vec1 vec2",
        lambda c: c.summed(_scaled(c, c.g, "beta"), 0),
        lambda c: _scaled(c, f"{c.g} · {c['vec2']}", "alpha"),
        lambda c: _scaled(c, f"({c.g})ᵀ · {c['vec1']}", "alpha"),
    ),
    "LinalgInvExBackward0": Rule("A", lambda c: f"−{atom(c.y)}ᵀ · {c.g} · {atom(c.y)}ᵀ"),
    "LinalgDetBackward0": Rule("A", _determinant),
    "LinalgSlogdetBackward0": Rule("A", _log_determinant),
    "LinalgSolveExBackward0": Rule("A B", many=_solved),
    "DistBackward0": Rule(
        "self other",
        lambda c: c.summed(_distance(c, "self", "other"), 0),
        lambda c: c.summed(_distance(c, "other", "self"), 1),
    ),
    "CdistBackward0": Rule("x1 x2", many=_distances),
    "NormBackward1": Rule("self", _norm),
    "ScaledDotProductFlashAttentionForCpuBackward0": Rule("query key value", many=_attention),
    "NativeGroupNormBackward0": Rule("input weight bias", many=_group_norm),
    "WeightNormInterfaceBackward0": Rule("v g", many=_weight_norm),
}
