"""Names that were found after they were written: a parameter met by its place in an optimizer, before its model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from stepper.inferior.recording.drafts import Happening
from stepper.record import OptimizerStep


def rename(happenings: Iterable[Happening], names: Mapping[str, str]) -> None:
    """Write what parameters turned out to be called for the places they were known by, in labels, texts and details."""
    if not names:
        return
    for happening in happenings:
        for draft in (*happening.drafts, *happening.beside):
            draft.label = _renamed(draft.label, names)
        detail = happening.detail
        if isinstance(detail, OptimizerStep) and detail.parameter in names:
            name = names[detail.parameter]
            happening.text = name + happening.text.removeprefix(detail.parameter)
            happening.detail = replace(detail, parameter=name)


def _renamed(label: str, names: Mapping[str, str]) -> str:
    """Of `optimizer.group0.1`, its `.grad`, and what an optimizer keeps for it (`exp_avg of optimizer.group0.1`)."""
    kept, of, path = label.rpartition(" of ")
    bare = path.removesuffix(".grad")
    return f"{kept}{of}{names[bare]}{path[len(bare) :]}" if bare in names else label
