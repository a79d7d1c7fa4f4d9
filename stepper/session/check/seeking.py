"""The entry that is wrong of a gradient which directions through all of it tell is wrong, though the entries that were
looked at agree: sought by halves, along the same direction through a part of them. One among a million takes twenty.
"""

from __future__ import annotations

from collections.abc import Callable

from stepper.session.check.gradient_check import Verdict
from stepper.session.check.together import Product, Push, Setting, Way, compared_along, through_part


async def wrong_entry(way: Way, setting: Setting, push: Push, product: Product, over: Callable[[], bool]) -> int | None:
    """The place of one in the flattened array; None where no half is told to differ (kinks lie near), or it is `over`
    before. Of several it is one of the half that is further off."""
    low, high = 0, max(1, way.parameter.before.summary.size)
    while high - low > 1:
        middle = (low + high) // 2
        apart: dict[tuple[int, int], float] = {}
        for part in ((low, middle), (middle, high)):
            if over():
                return None
            found = await compared_along((await through_part(way, part, product),), setting, push)
            if found is not None and found.direction.verdict is Verdict.DIFFERS:
                apart[part] = abs(found.direction.recorded - (found.direction.difference or 0.0))
        if not apart:
            return None
        low, high = max(apart, key=apart.__getitem__)
    return low
