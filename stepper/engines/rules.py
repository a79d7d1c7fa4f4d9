"""The rules of torch's common optimizers: a parameter's step recomputed, in torch's own order of operations.

Works on copies with torch's own kernels, so that the result has the very bits of the real step: one tensor after
another, or by those that take lists (`foreach`, what optimizers do by themselves on accelerators), which may round
differently. `fused` steps do all in one kernel, and round differently again. Sources:
torch/optim/{sgd,adam,adamax,nadam,radam,rmsprop,adagrad,adadelta}.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from stepper.engines.arithmetic import Arithmetic
from stepper.engines.modes import torch_module

WORDS = {1: "uint8", 2: "int16", 4: "int32", 8: "int64"}


class Recomputed(NamedTuple):
    """The rule with the numbers of this step, and what the parameter becomes by it.

    `step_size` is what the direction is multiplied with; `terms` are what the rule makes of the state after the step:
    by name, the state's name and what it is divided by.
    """

    rule: str
    after: Any
    step_size: float
    terms: Mapping[str, tuple[str, float]] = {}


Rule = Callable[[Mapping[str, Any], Any, Any, Mapping[str, Any], Arithmetic], Recomputed]


def recompute(
    optimizer: str, group: Mapping[str, Any], p: Any, g: Any, state: Mapping[str, Any], by: Arithmetic
) -> Recomputed | None:
    """The step of one parameter by the rule of the optimizer's class; None where there is no rule for it.

    `p` and `g` are the parameter and its gradient before the step, `state` its state before the step by name (empty at
    the first), all copies that are left as they are. `group` holds the settings; those that are tensors round what is
    computed with them, as in the step itself. `by` are the kernels of the optimizer's form.
    """
    rule = RULES.get(optimizer)
    if rule is None or g.layout is not p.layout or p.dtype.is_complex:
        return None
    if group.get("differentiable") or group.get("capturable"):
        return None
    found = rule({name: _scalar(value) for name, value in group.items() if name != "params"}, p, g, state, by)
    terms = {name: (state, float(divisor)) for name, (state, divisor) in found.terms.items()}
    return found._replace(step_size=float(found.step_size), terms=terms)


def deviation(expected: Any, real: Any, torch: Any) -> int:
    """How far two tensors lie apart at most, in steps between neighbouring numbers of their dtype. NaN is like NaN."""
    words = getattr(torch, WORDS[real.element_size()])
    first, second = (each.contiguous().view(words) for each in (expected, real))
    if torch.equal(first, second):  # as a rule; what follows takes many passes
        return 0
    first, second = first.to(torch.int64), second.to(torch.int64)
    lowest = torch.iinfo(words).min
    first, second = (torch.where(each < 0, lowest - each, each) for each in (first, second))
    apart = (first - second).abs()
    apart[expected.isnan() & real.isnan()] = 0
    return int(apart.max()) if apart.numel() else 0


def _scalar(setting: Any) -> Any:
    """A setting: a number, or a tensor without axes."""
    if type(setting) is tuple:
        return tuple(map(_scalar, setting))
    return setting.detach().squeeze() if hasattr(setting, "item") else setting


def _directed(group: Mapping[str, Any], p: Any, g: Any, by: Arithmetic) -> tuple[Any, list[str]]:
    """The gradient with its sign and the weight decay that is added to it, and what that is called."""
    said = []
    if group.get("maximize"):
        g, said = -g, ["g = −grad"]
    if group["weight_decay"] != 0:
        g = by.add(g, p, group["weight_decay"])
        said = [f"g = {'−' if said else ''}grad + {_n(group['weight_decay'])} w"]
    return g, said or ["g = grad"]


def _decayed(group: Mapping[str, Any], p: Any, g: Any, by: Arithmetic) -> tuple[Any, Any, list[str]]:
    """The parameter and the gradient with the weight decay in the one of them that it works on, and what is done."""
    decay = group["weight_decay"]
    if not group.get("decoupled_weight_decay"):
        g, said = _directed(group, p, g, by)
        return p, g, said
    g, said = (-g, ["g = −grad"]) if group["maximize"] else (g, ["g = grad"])
    if decay != 0:
        p = by.scale(p, 1 - group["lr"] * decay)
        said.append(f"w = {_n(1 - group['lr'] * decay)} w")
    return p, g, said


def _moments(state: Mapping[str, Any], p: Any, g: Any, beta1: Any, beta2: Any, by: Arithmetic) -> tuple[Any, Any]:
    """Adam's running means of the gradient and of its square."""
    # the only setting that torch brings to the parameter's own dtype (pytorch/pytorch#140601)
    m = by.lerp(_held(state, "exp_avg", p), g, 1 - (beta1.to(p.dtype) if hasattr(beta1, "item") else beta1))
    return m, by.addcmul(by.scale(_held(state, "exp_avg_sq", p), beta2), g, g, 1 - beta2)


def _moments_said(beta1: float, beta2: float) -> str:
    return f"m = {_n(beta1)} m + {_n(1 - beta1)} g, v = {_n(beta2)} v + {_n(1 - beta2)} g²"


def _next_step(state: Mapping[str, Any]) -> float:
    """The number of this step, from 1."""
    return (float(state["step"]) if "step" in state else 0.0) + 1


def _held(state: Mapping[str, Any], name: str, p: Any) -> Any:
    """What the optimizer kept under this name; zeros before the first step."""
    held = state.get(name)
    return p.new_zeros(p.shape) if held is None else held


def _sgd(group: Mapping[str, Any], p: Any, g: Any, state: Mapping[str, Any], by: Arithmetic) -> Recomputed:
    lr, momentum, dampening = group["lr"], group["momentum"], group["dampening"]
    g, said = _directed(group, p, g, by)
    used = "g"
    if momentum != 0:
        buffer = state.get("momentum_buffer")
        if buffer is None:
            buffer = g.clone()
            said.append("b = g, at the first step")
        else:
            buffer = by.add(by.scale(buffer, momentum), g, 1 - dampening)
            said.append(f"b = {_n(momentum)} b + {_times(1 - dampening)}g")
        if group["nesterov"]:
            g = by.add(g, buffer, momentum)
            used = f"(g + {_n(momentum)} b)"
        else:
            g, used = buffer, "b"
    said.append(f"w = w − lr {used}, lr = {_n(lr)}")
    return Recomputed("; ".join(said), by.add(p, g, -lr), lr)


def _adam(group: Mapping[str, Any], p: Any, g: Any, state: Mapping[str, Any], by: Arithmetic) -> Recomputed:
    lr, (beta1, beta2), eps = group["lr"], group["betas"], group["eps"]
    t = _next_step(state)
    p, g, said = _decayed(group, p, g, by)
    m, v = _moments(state, p, g, beta1, beta2, by)
    correction1, correction2 = 1 - beta1**t, 1 - beta2**t
    used, name = v, "v"
    said.append(_moments_said(beta1, beta2))
    if group["amsgrad"]:
        used, name = v.maximum(_held(state, "max_exp_avg_sq", p)), "v_max"
        said.append("v_max = max(v_max, v)")
    denominator = by.shift(by.divide(by.sqrt(used), correction2**0.5), eps)
    said += [
        f"m̂ = m / (1 − {_n(beta1)}^{int(t)}) = m / {_n(correction1)}",
        f"v̂ = {name} / (1 − {_n(beta2)}^{int(t)}) = {name} / {_n(correction2)}",
        f"w = w − lr m̂ / (√v̂ + {_n(eps)}), lr = {_n(lr)}",
        f"the same in m: w = w − {_n(lr / correction1)} m / (√v̂ + {_n(eps)})",
    ]
    terms = {
        "m̂": ("exp_avg", correction1),
        "v̂": ("max_exp_avg_sq" if group["amsgrad"] else "exp_avg_sq", correction2),
    }
    step_size = lr / correction1
    return Recomputed("; ".join(said), by.addcdiv(p, m, denominator, -step_size), step_size, terms)


def _rmsprop(group: Mapping[str, Any], p: Any, g: Any, state: Mapping[str, Any], by: Arithmetic) -> Recomputed:
    lr, alpha, eps, momentum = group["lr"], group["alpha"], group["eps"], group["momentum"]
    g, said = _directed(group, p, g, by)
    v = by.addcmul(by.scale(_held(state, "square_avg", p), alpha), g, g, 1 - alpha)
    said.append(f"v = {_n(alpha)} v + {_n(1 - alpha)} g²")
    if group["centered"]:
        mean = by.lerp(_held(state, "grad_avg", p), g, 1 - alpha)
        average = by.sqrt(by.addcmul(v, mean, mean, -1))
        said += [f"a = {_n(alpha)} a + {_n(1 - alpha)} g", f"r = √(v − a²) + {_n(eps)}"]
    else:
        average = by.sqrt(v)
        said.append(f"r = √v + {_n(eps)}")
    average = by.shift(average, eps)
    if momentum > 0:
        buffer = by.addcdiv(by.scale(_held(state, "momentum_buffer", p), momentum), g, average, 1)
        said += [f"b = {_n(momentum)} b + g / r", f"w = w − lr b, lr = {_n(lr)}"]
        return Recomputed("; ".join(said), by.add(p, buffer, -lr), lr)
    said.append(f"w = w − lr g / r, lr = {_n(lr)}")
    return Recomputed("; ".join(said), by.addcdiv(p, g, average, -lr), lr)


def _adagrad(group: Mapping[str, Any], p: Any, g: Any, state: Mapping[str, Any], by: Arithmetic) -> Recomputed:
    lr, eps = group["lr"], group["eps"]
    t = float(state["step"]) + 1
    g, said = _directed(group, p, g, by)
    rate = lr / (1 + (t - 1) * group["lr_decay"])
    total = by.addcmul(state["sum"], g, g, 1)
    deviation = by.shift(by.sqrt(total), eps)
    if by.lists:  # the list form scales the gradient first; in place, where it has a tensor of its own for it by then
        own = group["weight_decay"] != 0 or group["maximize"]
        after = by.addcdiv(p, by.scale(g, -rate, anew=not own), deviation, 1)
    else:
        after = by.addcdiv(p, g, deviation, -rate)
    decayed = f" / (1 + {int(t - 1)} × {_n(group['lr_decay'])})" if group["lr_decay"] else ""
    rated = f"{_n(lr)}{decayed} = {_n(rate)}" if decayed else _n(lr)
    said += ["s = s + g²", f"w = w − lr g / (√s + {_n(eps)}), lr = {rated}"]
    return Recomputed("; ".join(said), after, rate)


def _adadelta(group: Mapping[str, Any], p: Any, g: Any, state: Mapping[str, Any], by: Arithmetic) -> Recomputed:
    lr, rho, eps = group["lr"], group["rho"], group["eps"]
    g, said = _directed(group, p, g, by)
    v = by.addcmul(by.scale(_held(state, "square_avg", p), rho), g, g, 1 - rho)
    moved = _held(state, "acc_delta", p)
    # a quotient and a product of two numbers round alike in every kernel
    step = by.sqrt(by.shift(moved, eps)) / by.sqrt(by.shift(v, eps)) * g
    said += [
        f"v = {_n(rho)} v + {_n(1 - rho)} g²",
        f"d = √(u + {_n(eps)}) / √(v + {_n(eps)}) g",
        f"u = {_n(rho)} u + {_n(1 - rho)} d²",
        f"w = w − lr d, lr = {_n(lr)}",
    ]
    return Recomputed("; ".join(said), by.add(p, step, -lr), lr)


def _adamax(group: Mapping[str, Any], p: Any, g: Any, state: Mapping[str, Any], by: Arithmetic) -> Recomputed:
    lr, (beta1, beta2), eps = group["lr"], group["betas"], group["eps"]
    t = _next_step(state)
    g, said = _directed(group, p, g, by)
    m = by.lerp(_held(state, "exp_avg", p), g, 1 - beta1)
    largest = by.scale(_held(state, "exp_inf", p), beta2).maximum(by.shift(g.abs(), eps))
    rate = (float(lr) if by.lists else lr) / (1 - beta1**t)
    said += [
        f"m = {_n(beta1)} m + {_n(1 - beta1)} g, u = max({_n(beta2)} u, |g| + {_n(eps)})",
        f"w = w − lr / (1 − {_n(beta1)}^{int(t)}) m / u = w − {_n(rate)} m / u, lr = {_n(lr)}",
    ]
    return Recomputed("; ".join(said), by.addcdiv(p, m, largest, -rate), rate)


def _nadam(group: Mapping[str, Any], p: Any, g: Any, state: Mapping[str, Any], by: Arithmetic) -> Recomputed:
    lr, (beta1, beta2), eps, decay = group["lr"], group["betas"], group["eps"], group["momentum_decay"]
    t = _next_step(state)
    p, g, said = _decayed(group, p, g, by)
    m, v = _moments(state, p, g, beta1, beta2, by)
    correction = 1 - beta2**t
    mu, following = (beta1 * (1 - 0.5 * 0.96 ** (step * decay)) for step in (t, t + 1))
    # torch keeps the product of all mu as a tensor, with the rounding of one
    torch = torch_module()
    held = state.get("mu_product")
    wide = torch.get_default_dtype() == torch.float64
    product = float((torch.ones((), dtype=torch.float64 if wide else torch.float32) if held is None else held) * mu)
    root = by.divide(by.sqrt(v), correction**0.5) if by.lists else by.sqrt(by.divide(v, correction))
    root = by.shift(root, eps)
    rate = float(lr) if by.lists else lr
    now, ahead = rate * (1 - mu) / (1 - product), rate * following / (1 - product * following)
    said += [
        _moments_said(beta1, beta2),
        f"r = √(v / (1 − {_n(beta2)}^{int(t)})) + {_n(eps)} = √(v / {_n(correction)}) + {_n(eps)}",
        f"w = w − {_n(now)} g / r − {_n(ahead)} m / r, lr = {_n(lr)}",
    ]
    after = by.addcdiv(by.addcdiv(p, g, root, -now), m, root, -ahead)
    return Recomputed("; ".join(said), after, lr, {"v̂": ("exp_avg_sq", correction)})


def _radam(group: Mapping[str, Any], p: Any, g: Any, state: Mapping[str, Any], by: Arithmetic) -> Recomputed:
    lr, (beta1, beta2), eps = group["lr"], group["betas"], group["eps"]
    t = _next_step(state)
    p, g, said = _decayed(group, p, g, by)
    m, v = _moments(state, p, g, beta1, beta2, by)
    correction1, correction2 = 1 - beta1**t, 1 - beta2**t
    limit = 2 / (1 - beta2) - 1
    length = limit - 2 * t * beta2**t / correction2
    rectified = length > 5
    share = ((length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)) ** 0.5 if rectified else 0.0
    if by.lists:
        factor = by.divide(by.shift(by.sqrt(v), eps), correction2**0.5 * (lr * share / correction1) * -1)
        after = by.addcmul(p, m, by.shift(factor.reciprocal(), 0.0 if rectified else lr / correction1 * -1), 1)
    else:
        step = m / correction1 * lr
        if rectified:
            step = step * (correction2**0.5 / by.shift(by.sqrt(v), eps)) * share
        after = by.add(p, step, -1)
    m_hat = f"m / (1 − {_n(beta1)}^{int(t)}) = m / {_n(correction1)}"
    way = f" {_n(share)} √(1 − {_n(beta2)}^{int(t)}) / (√v + {_n(eps)})" if rectified else ""
    said += [_moments_said(beta1, beta2), f"m̂ = {m_hat}", f"w = w − lr m̂{way}, lr = {_n(lr)}"]
    return Recomputed("; ".join(said), after, lr / correction1, {"m̂": ("exp_avg", correction1)})


RULES: dict[str, Rule] = {
    "SGD": _sgd,
    "Adam": _adam,
    "AdamW": _adam,
    "Adamax": _adamax,
    "NAdam": _nadam,
    "RAdam": _radam,
    "RMSprop": _rmsprop,
    "Adagrad": _adagrad,
    "Adadelta": _adadelta,
}


def _n(value: float) -> str:
    """A number as one would write it, to six digits."""
    return f"{value:.6g}".replace("e-0", "e-").replace("-", "−") if value < 0 else f"{value:.6g}".replace("e-0", "e-")


def _times(factor: float) -> str:
    return "" if factor == 1 else f"{_n(factor)} "
