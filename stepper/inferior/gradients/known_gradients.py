"""Which of the values of a record are gradients, by their names and roles, and by what the script keeps of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from stepper.inferior.gradients.velocities import Velocity, velocities
from stepper.inferior.recording.copies import Copy
from stepper.inferior.recording.drafts import Draft, holder_of
from stepper.inferior.recording.recorder import Recorder
from stepper.program.vocabulary import names_gradient
from stepper.record import Role


class KnownGradients:
    """Reads the events that a recorder wrote down for one record. `roles` are those of the script's names."""

    def __init__(self, recorder: Recorder, roles: Mapping[str, Role]) -> None:
        self._recorder = recorder
        self._roles = roles

    def is_gradient(self, draft: Draft) -> bool:
        """Whether a value is a gradient by its own role, or an element of something that is."""
        if draft.copy is not None and id(draft.copy) in self.parameters:
            return False  # of a parameter: `neuron["weights"]`, read on the way back
        if draft.copy is not None and draft.copy in self.velocities:
            return False
        holder = draft.label.partition("[")[0]
        if draft.role in ("activation", "other") and is_called_gradient(draft):
            return True  # also where it feeds the loss: `grad = w - mean; loss = grad * grad`
        return "gradient" in (draft.role, self._roles.get(holder)) or ".grad" in draft.label

    @cached_property
    def named(self) -> set[Copy]:
        """The copies of what this pass stored under names of gradients."""
        return {
            draft.copy
            for each in self._recorder.happenings
            if each.kind == "statement"
            for draft in each.drafts
            if draft.when == "result" and draft.copy is not None and draft.role != "parameter"
            if is_called_gradient(draft) and draft.shape and draft.copy not in self.velocities
        }

    @cached_property
    def running_sums(self) -> list[Velocity]:
        """Those of gradients that the script keeps by hand."""
        return velocities(self._recorder.happenings)

    @cached_property
    def velocities(self) -> set[Copy]:
        """The copies of these sums, before and after each step."""
        return {copy for each in self.running_sums for copy in (each.before, *each.between, each.after)}

    @cached_property
    def parameters(self) -> set[int]:
        """The copies, by id, of what the parameters were before and after."""
        drafts = [each for track in self._recorder.tracker.tracks.values() for each in (track.before, track.after)]
        return {id(draft.copy) for draft in drafts if draft is not None and draft.copy is not None}


def is_called_gradient(draft: Draft) -> bool:
    """Whether the name of a value, or of what it is an element of, says that it is a gradient."""
    name = holder_of(draft.label).rpartition(".")[2]
    return names_gradient(name) and not (name == "g" and draft.role == "activation")  # that of an LSTM cell
