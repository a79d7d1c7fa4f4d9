"""Layers that the loss is trained through while they are in evaluation mode: a `model.eval()` that nothing undid.

Pure: reads records only.
"""

from __future__ import annotations

from stepper.record import Backward, Event, ModuleCall, Record
from stepper.session.findings.labels import some

FEW = 4  # layers that are named one by one


def in_evaluation(record: Record) -> list[Event]:
    """The calls of layers in evaluation mode that compute something else in training, in passes that gradients went
    back through. A validation pass is none, nor a part whose parameters are frozen, nor one that is in evaluation mode
    inside a model that is training: it was put there by itself (normalisations that are to stay as they are)."""
    calls = [event for event in record.events if isinstance(event.detail, ModuleCall) and event.detail.unlike_training]
    if not calls:
        return []
    made = [event.detail.creator for event in record.events if isinstance(event.detail, Backward)]
    trained = {_outermost(record.events[maker], record) for maker in made if maker is not None}
    first = next((event.id for event in record.events if isinstance(event.detail, Backward)), 0)

    def is_trained(call: Event) -> bool:
        outermost = _outermost(call, record)
        whole = record.events[outermost].detail
        if isinstance(whole, ModuleCall) and whole.training:
            return False
        # a layer alone may leave no node: a dropout hands on what it is given
        return outermost in trained or (outermost == call.id and call.id < first)

    return [call for call in calls if is_trained(call)]


def _outermost(event: Event, record: Record) -> int:
    """The call of a module that an event happened in, the outermost where there are several; else itself."""
    found, parent = event.id, event.parent
    while parent is not None:
        if isinstance(record.events[parent].detail, ModuleCall):
            found = parent
        parent = record.events[parent].parent
    return found


def all_in_evaluation(record: Record) -> list[str]:
    """A line that names them; none where there are none."""
    layers = {
        event.detail.path: event.function for event in in_evaluation(record) if isinstance(event.detail, ModuleCall)
    }
    if not layers:
        return []
    named = [f"{path} ({kind})" for path, kind in layers.items()]
    return [f"{some(named, FEW)}: in evaluation mode while the loss is trained; model.train() ends that"]
