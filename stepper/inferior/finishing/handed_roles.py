"""The role of a value under a name of which nothing else is known: the one it had under another name.

`x`, in a function that an object keeps (`self.act(self.z)`), is the activation that it was handed; so is `input`
in the `forward` of an `autograd.Function` that is applied to an expression.
"""

from __future__ import annotations

import msgspec

from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.drafts import Draft, Happening
from stepper.record import Role, Value, is_path


class HandedRoles:
    """The last known role of each value of one record, whose events are gone through in order."""

    def __init__(self) -> None:
        self._last: dict[Copy, Role] = {}

    def known(self, happening: Happening, drafts: list[Draft], values: list[Value]) -> list[Value]:
        """The values of an event, made of these drafts, with the roles that are known from before."""
        last = self._last
        if happening.kind in ("statement", "expression", "call"):
            for place, (draft, value) in enumerate(zip(drafts, values, strict=True)):
                copy = draft.copy
                if copy is None:
                    continue
                if value.role != "other":
                    last[copy] = value.role
                elif copy in last and is_path(draft.label):
                    values[place] = msgspec.structs.replace(value, role=last[copy])
        elif happening.kind == "backward":
            last.update([(each.copy, each.role) for each in drafts if each.role == "gradient" and each.copy])
        return values
