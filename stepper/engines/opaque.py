"""Values of which only the outside is known: nothing of theirs can be copied, or nothing should be read."""

from __future__ import annotations

from typing import NamedTuple

from stepper.record import Summary


class Opaque(NamedTuple):
    """What can be said of such a value; a field is None where even that cannot be told. `layout` is how its numbers
    lie, where that is why they are not read: `sparse_coo`."""

    type: str
    shape: tuple[int, ...] | None
    dtype: str | None
    device: str | None
    layout: str | None = ""

    def summary(self) -> Summary:
        """Shape, dtype and device, without statistics."""
        kind = "other" if self.shape is None else "tensor"
        return Summary(kind, self.type, self.shape, self.dtype, self.device)  # type: ignore[arg-type]

    def refuse(self) -> LookupError:
        """The error for whoever asks for its numbers."""
        kind = ", ".join(filter(None, (self.dtype or "no dtype", self.layout)))
        return LookupError(f"no numbers can be shown of this {self.type} ({kind})")
