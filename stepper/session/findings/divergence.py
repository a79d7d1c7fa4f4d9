"""Where the losses of a run cease to be finite, in words. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence


def first_not_finite(losses: Sequence[float | None]) -> int | None:
    """The first iteration whose loss is NaN or infinite; None where there is none."""
    return next((at for at, loss in enumerate(losses) if loss is not None and not math.isfinite(loss)), None)


def told(losses: Sequence[float | None], first: int) -> str:
    """What there is to say of the losses, the first of which that is not finite is that of iteration `first`."""
    loss, later = losses[first], [each for each in losses[first + 1 :] if each is not None]
    assert loss is not None
    name = name_of(loss)
    if any(math.isfinite(each) for each in later):
        return f"the loss is {name} in iteration {first}, and finite again later"
    others = dict.fromkeys(name_of(each) for each in later if name_of(each) != name)
    return f"the loss is {name} from iteration {first} on" + (f", later {' or '.join(others)}" if others else "")


def name_of(loss: float) -> str:
    """`NaN`, `∞` or `-∞`."""
    return "NaN" if math.isnan(loss) else "∞" if loss > 0 else "-∞"
