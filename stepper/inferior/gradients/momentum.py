"""Whether a running sum of gradients that a script keeps by hand is what carries an update along its gradient, uphill:
momentum past a minimum, and no wrong sign. Told by numbers, however the rule is spelled. Reads kept copies only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from stepper.engines.arrays import numpy_module
from stepper.inferior.gradients.angle import norm, of_one_shape, sampled
from stepper.inferior.gradients.velocities import Velocity
from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.drafts import Happening
from stepper.record import OptimizerStep

KEPT = (0.85, 1.02)  # a sum is likely to keep so much of what it was, and at most 1, but for rounding
OTHER = 0.5  # of the gradient's part, that something else (a decay, a clipping) may have in what was added
LITTLE = 0.1  # of the gradient's part, that rounding may make
DECAYED = 4  # elements beyond which numbers tell a decay of the parameter from anything else
SHORT = 1000  # a factor of few digits is a whole number of such parts
EXACTLY = 1e-3  # of a sum, that rounding may make of it
ALONG = 0.5  # the cosine from which on an update goes by a sum, scaled entry by entry or not


def carried_by(sums: Sequence[Velocity], before: Copy, after: Copy, grad: Copy, states: Sequence[Velocity] = ()) -> str:
    """What the script calls the sum that an update from `before` to `after` goes by; empty where there is none.
    `states`: what else it carries on, which is one of gradients where its numbers alone leave no doubt."""
    spelled = (each.label for each in sums if _carries(each, before, after, grad))
    told = (each.label for each in states if _carries(each, before, after, grad, by_numbers=True))
    return next(chain(spelled, told), "")


def turned_by(steps: Sequence[Happening], name: str, before: Copy, after: Copy, grad: Copy) -> bool:
    """Whether something else than momentum carries an update uphill. Either the optimizer keeps a running sum of
    gradients, but for rounding, and the update goes along it (or against one of their opposites): by a wrong sign,
    whatever earlier gradients were. Or its own steps go downhill, and what else moved the parameter goes along its
    gradient: a perturbation (sharpness-aware minimization) that is not taken back. `steps`: of all parameters."""
    own = [event for event in steps if _step(event).parameter == name]
    return _outdone(own, before, after, grad) or any(
        _is_turned(event, state, steps, before, after, grad)
        for event in own
        if any(each.when == "before" and each.copy is before for each in event.drafts)
        for state in _step(event).state
    )


def optimizer_steps(happenings: Iterable[Happening]) -> list[Happening]:
    """The events of optimizers' steps, one for each parameter."""
    return [event for event in happenings if isinstance(event.detail, OptimizerStep)]


def _step(event: Happening) -> OptimizerStep:
    assert isinstance(event.detail, OptimizerStep)
    return event.detail


def _outdone(own: Sequence[Happening], before: Copy, after: Copy, grad: Copy) -> bool:
    numpy = numpy_module()
    copies = [before, after, grad]
    for event in own:
        found = {each.when: each.copy for each in event.drafts if each.role == "parameter"}
        copies += [each for each in (found.get("before"), found.get("after")) if each is not None]
    if not own or len(copies) != 3 + 2 * len(own) or not all(of_one_shape(before, each) for each in copies):
        return False
    with numpy.errstate(all="ignore"):
        known: list[Any] = [sampled(each) for each in copies]
        if not all(each is not None and numpy.isfinite(each).all() for each in known):
            return False
        old, new, slope, *around = known
        stepped = numpy.sum([became - was for was, became in zip(around[::2], around[1::2], strict=True)], axis=0)
        rest = new - old - stepped
        return bool(stepped @ slope < 0 and rest @ slope > ALONG * norm(rest) * norm(slope) > 0)


def _is_turned(event: Happening, state: str, steps: Sequence[Happening], before: Copy, after: Copy, grad: Copy) -> bool:
    numpy = numpy_module()
    with numpy.errstate(all="ignore"):
        known: list[Any] = [sampled(e) if of_one_shape(before, e) else None for e in (before, after, grad)]
        known += _around(event, state)
        old, new, slope, kept, sum_ = known
        if not all(each is not None and each.shape == old.shape and numpy.isfinite(each).all() for each in known):
            return False
        factors = _factors(kept, slope, sum_) or next(
            (found for other in steps if _is_beside(other, event) and (found := _factors_of(other, state))), None
        )
        if factors is None or norm(sum_ - factors[0] * kept - factors[1] * slope) > EXACTLY * norm(sum_):
            return False
        update = new - old
        return bool(numpy.sign(factors[1]) * (update @ sum_) > ALONG * norm(update) * norm(sum_) > 0)


def _is_beside(other: Happening, event: Happening) -> bool:
    """Whether two steps are those of one group of an optimizer's parameters, in one call."""
    return other.parent == event.parent and _step(other).group == _step(event).group


def _around(event: Happening, state: str) -> tuple[Any, Any]:
    """What an optimizer keeps under a name for a parameter, before and after its step; None where it is not known."""
    around = _step(event).state.get(state)
    if around is None or around.before is None or around.after is None:
        return None, None
    held, became = event.drafts[around.before].copy, event.drafts[around.after].copy
    return (None, None) if held is None or became is None else (sampled(held), sampled(became))


def _factors_of(event: Happening, state: str) -> tuple[float, float] | None:
    """The same factors of another parameter's sum: two elements alone have some in any case."""
    kept, sum_ = _around(event, state)
    grad = next((each.copy for each in event.drafts if each.role == "gradient"), None)
    slope = None if grad is None else sampled(grad)
    if slope is None or kept is None or sum_ is None or not slope.shape == kept.shape == sum_.shape:
        return None
    known = kept, slope, sum_
    return _factors(*known) if all(numpy_module().isfinite(each).all() for each in known) else None


def _factors(kept: Any, slope: Any, sum_: Any) -> tuple[float, float] | None:
    """Of what a sum was, and of the gradient, in what it became; None where it is not made of these, or has too few
    elements to tell."""
    numpy = numpy_module()
    if kept.size <= 2:
        return None
    factors, _, rank, _ = numpy.linalg.lstsq(numpy.stack((kept, slope), axis=1), sum_, rcond=None)
    rest = sum_ - factors[0] * kept - factors[1] * slope
    if rank < 2 or not 0 < factors[0] <= KEPT[-1] or not norm(rest) <= EXACTLY * norm(sum_):
        return None
    return float(factors[0]), float(factors[1])


def _carries(sum_: Velocity, before: Copy, after: Copy, grad: Copy, *, by_numbers: bool = False) -> bool:
    """Whether a sum became a·what it was + c·gradient, and the update goes as c tells: against the sum where it is of
    gradients, along it where it is of steps against them."""
    numpy = numpy_module()
    if not all(of_one_shape(before, each) for each in (after, grad, sum_.before, sum_.after)):
        return False
    with numpy.errstate(all="ignore"):
        known = [sampled(each) for each in (before, after, grad, sum_.before, sum_.after)]
        if not all(each is not None and numpy.isfinite(each).all() for each in known):
            return False  # another parameter's may have gone to NaN
        old, new, slope, held, became = known
        update = new - old
        sign = _fitted(held, slope, became, old) if by_numbers else _added(held, slope, became)
        if by_numbers and not sign:
            sign = _by_parts(sum_, after, grad)
        return bool(-sign * (update @ became) > ALONG * norm(update) * norm(became) > 0)


def _fitted(held: Any, slope: Any, became: Any, old: Any) -> int:
    """The sign with which a gradient was added to what a sum kept of what it was; 0 where the sum is not made of just
    these, but for rounding and a decay of the parameter."""
    numpy = numpy_module()
    if held.size <= 2 or numpy.linalg.matrix_rank(numpy.stack((held, slope))) < 2:
        return _by_short_factors(held, slope, became)
    for parts in ((held, slope), (held, slope, old))[: 1 + (held.size > DECAYED)]:
        matrix = numpy.stack(parts, axis=1)
        factors, _, rank, _ = numpy.linalg.lstsq(matrix, became, rcond=None)
        exact = norm(became - matrix @ factors) <= EXACTLY * min(norm(became), norm(factors[1] * slope) / LITTLE)
        if rank == len(parts) and 0 < factors[0] <= KEPT[-1] and exact:
            seen = norm(factors[1] * slope) > EXACTLY * norm(became)
            return int(numpy.sign(factors[1])) if seen else 0
    return 0


def _by_short_factors(held: Any, slope: Any, became: Any) -> int:
    """The same of one element or two, or of one direction, of which any numbers are made: the factors are to be an
    average's (they add up to 1), or the gradient's is 1 or −1, and the other is one of few digits, as people write."""
    for of, by, sign in ((slope, slope - held, 1), (slope, held, 1), (-slope, held, -1)):
        if not by.any():
            continue
        rest = became - (held if by is not held else of)
        factor = float(rest @ by) / float(by @ by)
        kept = factor if by is held else 1 - factor
        short = abs(kept * SHORT - round(kept * SHORT)) <= EXACTLY
        if short and 0 < kept < 1 and norm(rest - factor * by) <= EXACTLY**2 * norm(became):
            return sign
    return 0


def _by_parts(sum_: Velocity, after: Copy, grad: Copy) -> int:
    """The same where the script makes the sum of a part of what it was and of what the gradient went into, and not what
    the parameter became (an average of the weights): it may be of one element, whatever its factors are."""
    numpy, parts = numpy_module(), sum_.parts()
    if parts is None or grad not in parts.added or after in parts.added:
        return 0
    values = (sum_.before, parts.kept, sum_.after, grad)
    known: list[Any] = [sampled(each) if of_one_shape(grad, each) else None for each in values]
    if not all(each is not None and numpy.isfinite(each).all() for each in known):
        return 0
    held, kept, became, slope = known
    share, rest = float(kept @ held), became - kept
    along = float(rest @ slope)
    scaled = 0 < share <= KEPT[-1] * float(held @ held) and norm(kept) * norm(held) <= share * (1 + EXACTLY)
    return int(numpy.sign(along)) if scaled and abs(along) >= (1 - EXACTLY) * norm(rest) * norm(slope) > 0 else 0


def _added(held: Any, slope: Any, became: Any) -> int:
    """The sign with which a gradient was added to what a sum kept of what it was; 0 where that is not known, or
    something else was added."""
    numpy = numpy_module()
    factors, _, rank, _ = numpy.linalg.lstsq(numpy.stack((held, slope), axis=1), became, rcond=None)
    told = rank == 2 and held.size > 2  # else they have one direction, or are too few to tell both factors
    if told and not 0 < factors[0] <= KEPT[-1]:
        return 0
    signs = set()
    for each in (factors[0],) if told else KEPT:
        rest = became - each * held
        along = (rest @ slope) / (slope @ slope) * slope
        signs.add(int(numpy.sign(rest @ slope)) if norm(rest - along) <= OTHER * norm(along) else 0)
    return signs.pop() if len(signs) == 1 else 0
