"""How the benchmark measures two things beside each other, and how it prints what came of it."""

import statistics
from collections.abc import Callable, Sequence

ROUNDS = 5
MOST_ROUNDS = 20
SURE = 0.01
"""Two figures that lie no further apart, as a share of them, are taken for the same."""


def say(what: str, figure: float, target: str, reached: bool, more: str = "") -> None:
    """One line of the report."""
    print(f"{what:<62}{figure:7.2f}   target {target:<8}{'reached' if reached else 'MISSED':<9}{more}", flush=True)


def ratio_of(first: Callable[[], float], second: Callable[[], float], rounds: int = ROUNDS) -> tuple[float, float]:
    """first/second, and first, each at its best over alternating rounds: what else a machine does only adds time. Of
    processor time, too, where its other processors share a core or a cache with this one; so there are more rounds as
    long as a best has been met only once."""
    ours: list[float] = []
    theirs: list[float] = []
    while len(ours) < rounds or (len(ours) < MOST_ROUNDS and not (_sure(ours) and _sure(theirs))):
        ours.append(first())
        theirs.append(second())
    return min(ours) / min(theirs), min(ours)


def _sure(times: Sequence[float]) -> bool:
    """Whether the best has been met twice."""
    best, *others = sorted(times)
    return bool(others) and others[0] <= best * (1 + SURE)


def percentile(times: Sequence[float], share: float) -> float:
    """The value below which `share` of the times lie."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def say_keys(what: str, keys: Sequence[float], bare: Sequence[float]) -> None:
    """Key to settled screen over the bare app's median: the median and the slowest twentieth, in two lines."""
    yardstick = statistics.median(bare)
    middle, slow = statistics.median(keys) / yardstick, percentile(keys, 0.95) / yardstick
    milliseconds = f"{1e3 * statistics.median(keys):.0f} ms, bare {1e3 * yardstick:.0f} ms"
    say(f"{what} to settled screen, × the bare app's, median", middle, "<= 2", middle <= 2, milliseconds)
    say(f"{what} to settled screen, × the bare app's median, p95", slow, "<= 4", slow <= 4)
