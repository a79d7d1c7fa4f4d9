"""Whether a running sum of gradients that a script keeps by hand is what carries an update along its gradient, uphill:
momentum past a minimum, and no wrong sign. Told by numbers, however the rule is spelled. Reads kept copies only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from stepper.engines.arrays import numpy_module
from stepper.inferior.gradients.angle import norm, of_one_shape, sampled
from stepper.inferior.gradients.velocities import Velocity
from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.drafts import Happening
from stepper.record import OptimizerStep

KEPT = (0.85, 1.02)  # a sum is likely to keep so much of what it was, and at most 1, but for rounding
OTHER = 0.5  # of the gradient's part, that something else (a decay, a clipping) may have in what was added
EXACTLY = 1e-3  # of a sum, that rounding may make of it
ALONG = 0.5  # the cosine from which on an update goes by a sum, scaled entry by entry or not


def carried_by(sums: Sequence[Velocity], before: Copy, after: Copy, grad: Copy) -> str:
    """What the script calls the sum that an update from `before` to `after` goes by; empty where there is none."""
    return next((each.label for each in sums if _carries(each, before, after, grad)), "")


def turned_by(happenings: Iterable[Happening], before: Copy, after: Copy, grad: Copy) -> bool:
    """Whether the optimizer that made an update keeps a running sum of gradients, but for rounding, and the update goes
    along it (or against one of their opposites): uphill by a wrong sign, whatever earlier gradients were."""
    for event in happenings:
        detail = event.detail
        if not isinstance(detail, OptimizerStep) or not any(
            each.when == "before" and each.copy is before for each in event.drafts
        ):
            continue
        for around in detail.state.values():
            if around.before is not None and around.after is not None:
                held, became = event.drafts[around.before].copy, event.drafts[around.after].copy
                if held is not None and became is not None and _is_turned(held, became, before, after, grad):
                    return True
    return False


def _is_turned(held: Copy, became: Copy, before: Copy, after: Copy, grad: Copy) -> bool:
    numpy = numpy_module()
    if not all(of_one_shape(before, each) for each in (after, grad, held, became)):
        return False
    with numpy.errstate(all="ignore"):
        known = [sampled(each) for each in (before, after, grad, held, became)]
        if not all(each is not None and each.size > 2 and numpy.isfinite(each).all() for each in known):
            return False
        old, new, slope, kept, sum_ = known
        factors, _, rank, _ = numpy.linalg.lstsq(numpy.stack((kept, slope), axis=1), sum_, rcond=None)
        rest = sum_ - factors[0] * kept - factors[1] * slope
        if rank < 2 or not 0 < factors[0] <= KEPT[-1] or norm(rest) > EXACTLY * norm(sum_):
            return False
        update = new - old
        return bool(numpy.sign(factors[1]) * (update @ sum_) > ALONG * norm(update) * norm(sum_) > 0)


def _carries(sum_: Velocity, before: Copy, after: Copy, grad: Copy) -> bool:
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
        update, sign = new - old, _added(held, slope, became)
        return bool(-sign * (update @ became) > ALONG * norm(update) * norm(became) > 0)


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
