"""Whether a running sum of gradients that a script keeps by hand is what carries an update along its gradient, uphill:
momentum past a minimum, and no wrong sign. Told by numbers, however the rule is spelled. Reads kept copies only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stepper.inferior.angle import norm, of_one_shape, sampled
from stepper.inferior.copies import Copy
from stepper.inferior.velocities import Velocity

KEPT = (0.85, 1.02)  # a sum is likely to keep so much of what it was, and at most 1, but for rounding
OTHER = 0.5  # of the gradient's part, that something else (a decay, a clipping) may have in what was added
ALONG = 0.5  # the cosine from which on an update goes by a sum, scaled entry by entry or not


def carried_by(sums: Sequence[Velocity], before: Copy, after: Copy, grad: Copy) -> str:
    """What the script calls the sum that an update from `before` to `after` goes by; empty where there is none."""
    return next((each.label for each in sums if _carries(each, before, after, grad)), "")


def _carries(sum_: Velocity, before: Copy, after: Copy, grad: Copy) -> bool:
    """Whether a sum became a·what it was + c·gradient, and the update goes as c tells: against the sum where it is of
    gradients, along it where it is of steps against them."""
    import numpy

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
    import numpy

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
