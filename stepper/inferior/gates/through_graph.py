"""The gradients of a gate that a script spells by hand where autograd works them out: `(h + h.abs()) / 2`.

No node of the graph is the gate. What came to the node that made its output is the gradient before it, and what came to
the one that made its input is that after it, as long as the gate is all that it came through.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stepper.engines import masks
from stepper.engines.base import GateSeen
from stepper.inferior.gates.descent import Descent
from stepper.inferior.gates.entries import is_real, numbers
from stepper.inferior.gates.maskings import by_rules
from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.drafts import Happening
from stepper.record import Backward


class ThroughGraph:
    """The gradients that came to the nodes of a graph, by the event that made each value in the forward pass."""

    def __init__(self, happenings: Iterable[Happening], descent: Descent) -> None:
        self._descent = descent
        self._arrived: dict[int, Copy] = {}
        self._layers: dict[Copy, list[int]] = {}  # by what they made: layers that no expression of the script's calls
        for event in happenings:
            node = event.detail
            for draft in event.drafts if event.kind == "module" else ():
                if draft.when == "result" and draft.copy is not None:
                    self._layers.setdefault(draft.copy, []).append(event.id)
            if isinstance(node, Backward) and node.creator is not None and len(node.grad_in) == 1:
                copy = event.drafts[node.grad_in[0].value].copy
                if copy is not None:
                    self._arrived.setdefault(node.creator, copy)

    def attach(self, gate: GateSeen, slope: float) -> None:
        """Give `gate` its gradients, where they are seen, and go by what it does."""
        before, after = self.arrived(gate.out), self.arrived(gate.h)
        came, left, h = numbers(before), numbers(after), numbers(gate.h)
        if before is None or after is None or not all(is_real(each) and each.shape == h.shape for each in (came, left)):
            return
        if not masks.together(came, h) or not masks.together(left, h):
            return
        same, low = masks.agreeing(left, came), masks.left(left, came, slope)
        if any(bool(((blocked & low) | (~blocked & same) | (h == 0)).all()) for blocked in by_rules(h)):
            gate.before, gate.after = before, after

    def arrived(self, copy: Copy) -> Copy | None:
        """The gradient that came to what made a value."""
        makers: Sequence[int] = [step.event.id for step in self._descent.makers(copy)] + self._layers.get(copy, [])
        return next((self._arrived[event] for event in makers if event in self._arrived), None)
