"""Which loop was taken, and which other loops of the script train, in words: the screen and the commands say the same.

Pure: reads what the analysis found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stepper.record import LoopHead

FEW = 3  # that are named one by one


def wanted(head: LoopHead, script: str, relative: Callable[[str], str]) -> str:
    """What names a loop to `--loop`: its line, with its file where that is not the script."""
    return str(head.line) if head.file == script else f"{relative(head.file)}:{head.line}"


def other_loops(heads: Sequence[LoopHead], script: str, relative: Callable[[str], str]) -> str:
    """What there is to say where a script has several loops that train, or one was named by a line inside it; else
    nothing."""

    def called(head: LoopHead) -> str:
        name = wanted(head, script, relative)
        return f"{f'line {name}' if name.isdecimal() else name} ({head.text})"

    if heads and heads[0].within:
        return f"line {heads[0].within} is inside the loop of {called(heads[0])}, which is taken as the training loop"
    if len(heads) < 2:
        return ""
    others = [*map(called, heads[1 : FEW + 1])]
    others += [f"{len(heads) - 1 - FEW} more"] if len(heads) > FEW + 1 else []
    trains = "may be meant" if heads[0].unmarked else "train" if len(others) > 1 else "trains"
    listed = " and ".join(filter(None, [", ".join(others[:-1]), others[-1]]))
    return f"{called(heads[0])} is taken as the training loop; {listed} {trains}, too"
