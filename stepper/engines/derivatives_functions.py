"""The table of derivatives, continued: rarer functions of one value, or of two, element by element.

After torch's own tools/autograd/derivatives.yaml; what each line means is tested against what torch computes.
"""

from __future__ import annotations

from stepper.engines.formulas import Chain, Line, Rule, figure

FLAT = "it is flat between its jumps: nothing passes"
UNSEEN = 1e-6  # a range of slopes so narrow is none: torch takes its middle then


def _shrunk(c: Chain) -> str:
    limit = c.attribute("lambd")
    return f"{c.g} ⊙ ([{c['self']} > {figure(limit)}] + [{c['self']} < {figure(-limit)}])"


def _random_slopes(c: Chain) -> str:
    low, high = c.attribute("lower"), c.attribute("upper")
    if c.attribute("training") and high - low > UNSEEN:
        return f"{c.g} ⊙ {c.kept('noise', 'random slopes')}"
    return f"{c.g} ⊙ ([{c['self']} > 0] + {figure((low + high) / 2)} × [{c['self']} ≤ 0])"


def _logit(c: Chain) -> str:
    eps, x = c.attribute("eps"), c["self"]
    text = f"{c.g} / ({x} ⊙ (1 − {x}))"
    return text if eps is None else f"{text} ⊙ [{x} ≥ {figure(eps)}] ⊙ [{x} ≤ {figure(1 - eps)}]"


def _soft_margin(c: Chain) -> str:
    over = f" / {c.tensor('self').numel()}" if c.attribute("reduction") == 1 else ""
    return f"−{c.g} × {c['target']} ⊙ sigmoid(−{c['target']} ⊙ {c['self']}){over}"


def _times_value(c: Chain, text: str) -> str:
    value = c.attribute("value")
    return text if value == 1 else f"{figure(value)} × {text}"


def _clamped(c: Chain, place: int) -> str:
    """Between arrays; of limits that cross, the upper one holds."""
    x, low, high = c["self"], *(c[each] if c.has(each) else "" for each in ("min", "max"))
    if place == 0:
        above = f" ⊙ [{x} ≥ {low}]" if low else ""
        return f"{c.g}{above}" + (f" ⊙ [{x} ≤ {high}]" if high else "")
    if place == 1:
        return c.summed(f"{c.g} ⊙ [{x} < {low}]" + (f" ⊙ [{low} < {high}]" if high else ""), 1)
    crossed = f"[{x} > {high}] ⊙ [{low} ≤ {high}] + [{low} > {high}]"
    return c.summed(f"{c.g} ⊙ ({crossed})" if low else f"{c.g} ⊙ [{x} > {high}]", 2)


def _inverse_hyperbolic_cosine(c: Chain) -> str:
    c.only_real()  # of a complex root there are two, and it is now one, now the other
    return f"{c.g} / sqrt({c['self']}^2 − 1)"


_ONE: dict[str, Line] = {
    "AsinBackward0": lambda c: f"{c.g} / sqrt(1 − {c['self']}^2)",
    "AcosBackward0": lambda c: f"−{c.g} / sqrt(1 − {c['self']}^2)",
    "AsinhBackward0": lambda c: f"{c.g} / sqrt({c['self']}^2 + 1)",
    "AcoshBackward0": _inverse_hyperbolic_cosine,
    "AtanhBackward0": lambda c: f"{c.g} / (1 − {c['self']}^2)",
    "TanBackward0": lambda c: f"{c.g} ⊙ (1 + {c.y}^2)",
    "SinhBackward0": lambda c: f"{c.g} ⊙ cosh({c['self']})",
    "CoshBackward0": lambda c: f"{c.g} ⊙ sinh({c['self']})",
    "Expm1Backward0": lambda c: f"{c.g} ⊙ ({c.y} + 1)",
    "Exp2Backward0": lambda c: f"{c.g} ⊙ {c.y} × log(2)",
    "Log2Backward0": lambda c: f"{c.g} / ({c['self']} × log(2))",
    "Log10Backward0": lambda c: f"{c.g} / ({c['self']} × log(10))",
    "ErfcBackward0": lambda c: f"−{c.g} ⊙ exp(−({c['self']}^2)) × 2 / sqrt(π)",
    "LgammaBackward0": lambda c: f"{c.g} ⊙ digamma({c['self']})",
    "LogitBackward0": _logit,
    "SpecialEntrBackward0": lambda c: f"−{c.g} ⊙ (log({c['self']}) + 1)",
    "NanToNumBackward0": lambda c: f"{c.g} ⊙ [isfinite({c['self']})]",
    "FracBackward0": lambda c: c.g,
    "FmodBackward0": lambda c: c.g,
    "RemainderBackward0": lambda c: c.g,
    "SoftshrinkBackward0": _shrunk,
    "HardshrinkBackward0": _shrunk,
    "RreluWithNoiseBackward0": _random_slopes,
    "SoftMarginLossBackward0": _soft_margin,
}

FUNCTIONS: dict[str, Rule] = {kind: Rule("self", line) for kind, line in _ONE.items()}
FUNCTIONS |= {
    kind: Rule("self", lambda c: f"zeros({c.shape_of(0)})", words=FLAT)
    for kind in ("SignBackward0", "RoundBackward0", "FloorBackward0", "CeilBackward0", "TruncBackward0")
}
FUNCTIONS |= {
    "PowBackward2": Rule("exponent", lambda c: f"{c.g} ⊙ {c.y} × log({c.number('self')})"),
    "Atan2Backward0": Rule(
        "self other",
        lambda c: c.summed(f"{c.g} ⊙ {c['other']} / ({c['self']}^2 + {c['other']}^2)", 0),
        lambda c: c.summed(f"−{c.g} ⊙ {c['self']} / ({c['self']}^2 + {c['other']}^2)", 1),
    ),
    "HypotBackward0": Rule(
        "self other",
        lambda c: c.summed(f"{c.g} ⊙ {c['self']} / {c.y}", 0),
        lambda c: c.summed(f"{c.g} ⊙ {c['other']} / {c.y}", 1),
    ),
    "LogaddexpBackward0": Rule(
        "self other",
        lambda c: c.summed(f"{c.g} ⊙ sigmoid({c['self']} − {c['other']})", 0),
        lambda c: c.summed(f"{c.g} ⊙ sigmoid({c['other']} − {c['self']})", 1),
    ),
    "XlogyBackward0": Rule(
        "self other",
        lambda c: c.summed(f"{c.g} ⊙ log({c['other']})", 0),
        lambda c: c.summed(f"{c.g} ⊙ {c['self']} / {c['other']}", 1),
    ),
    "AddcmulBackward0": Rule(
        "self tensor1 tensor2",
        lambda c: c.summed(c.g, 0),
        lambda c: c.summed(_times_value(c, f"{c.g} ⊙ {c['tensor2']}"), 1),
        lambda c: c.summed(_times_value(c, f"{c.g} ⊙ {c['tensor1']}"), 2),
    ),
    "AddcdivBackward0": Rule(
        "self tensor1 tensor2",
        lambda c: c.summed(c.g, 0),
        lambda c: c.summed(_times_value(c, f"{c.g} / {c['tensor2']}"), 1),
        lambda c: c.summed(_times_value(c, f"(−{c.g}) ⊙ {c['tensor1']} / {c['tensor2']}^2"), 2),
    ),
    "LerpBackward0": Rule(
        "self end",
        lambda c: c.summed(f"{figure(1 - c.attribute('weight'))} × {c.g}", 0),
        lambda c: c.summed(f"{c.number('weight')} × {c.g}", 1),
    ),
    "LerpBackward1": Rule(
        "self end weight",
        lambda c: c.summed(f"{c.g} ⊙ (1 − {c['weight']})", 0),
        lambda c: c.summed(f"{c.g} ⊙ {c['weight']}", 1),
        lambda c: c.summed(f"{c.g} ⊙ ({c['end']} − {c['self']})", 2),
    ),
    "ClampBackward0": Rule("self min max", many=_clamped),
}
