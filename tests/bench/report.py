"""How the benchmark measures two things beside each other, and how it prints what came of it."""

import statistics
from collections.abc import Callable, Sequence

ROUNDS = 5


def say(what: str, figure: float, target: str, reached: bool, more: str = "") -> None:
    """One line of the report."""
    print(f"{what:<62}{figure:7.2f}   target {target:<8}{'reached' if reached else 'MISSED':<9}{more}", flush=True)


def ratio_of(first: Callable[[], float], second: Callable[[], float], rounds: int = ROUNDS) -> tuple[float, float]:
    """first/second, and first, each at its best over alternating rounds: what else a machine does only adds time."""
    pairs = [(first(), second()) for _ in range(rounds)]
    best, other = min(a for a, _ in pairs), min(b for _, b in pairs)
    return best / other, best


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
