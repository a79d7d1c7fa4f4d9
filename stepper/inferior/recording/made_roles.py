"""The role of what an expression makes, where nothing but its place in the pass is known of it: by what it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from stepper.inferior.recording.drafts import Draft
from stepper.record import Role


def role_of_made(
    role: Role, operands: Iterable[Draft], text: str, by_label: Mapping[str, Role], is_constant: Callable[[], bool]
) -> Role:
    """The role of a value, where its phase alone would give it `role`, in a script that calls `.backward()`.

    `operands` is what the expression of this `text` reads, and `by_label` says what the script's data flow knows of
    its labels; `is_constant`, asked only where it matters, whether no gradient goes through the value.
    """
    arrays = [draft for draft in operands if draft.copy is not None and draft.when == "operand"]
    read = {by_label.get(each.label, "other") if each.role == "other" else each.role for each in arrays}
    if not read:
        return role
    if read == {"data"} and role in ("activation", "loss") and is_constant():
        return "data"  # `target[mask]`, of batches that are handed to a loss
    if role == "gradient" and "gradient" not in read and "grad" not in text:
        # `output.mean()`, between a backward pass and the optimizer's step
        return "loss" if read == {"loss"} else "activation" if read & {"activation", "parameter"} else "other"
    return role
