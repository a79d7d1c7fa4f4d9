"""The vocabulary of a record: events, values, summaries, windows, gates.

Pure data: this package knows neither torch nor numpy, neither the script nor the screen. Everything here crosses the
border between the script's process and the debugger, so everything is a msgspec structure.
"""

from stepper.record.events import (
    SKIPPED,
    STRETCHED,
    UNREAD,
    Around,
    Asked,
    Backward,
    Contribution,
    Detail,
    Event,
    Flow,
    Gate,
    Held,
    Kind,
    LoopHead,
    ModuleCall,
    OptimizerStep,
    Parameter,
    Phase,
    Record,
    Role,
    Spot,
    Units,
    Value,
    When,
    place,
)
from stepper.record.filling import filled, ratio
from stepper.record.summary import Summary
from stepper.record.window import PICTURE, Array, Region, Survey, Window, flat_of, index_of

__all__ = [
    "PICTURE",
    "SKIPPED",
    "STRETCHED",
    "UNREAD",
    "Around",
    "Array",
    "Asked",
    "Backward",
    "Contribution",
    "Detail",
    "Event",
    "Flow",
    "Gate",
    "Held",
    "Kind",
    "LoopHead",
    "ModuleCall",
    "OptimizerStep",
    "Parameter",
    "Phase",
    "Record",
    "Region",
    "Role",
    "Spot",
    "Summary",
    "Survey",
    "Units",
    "Value",
    "When",
    "Window",
    "filled",
    "flat_of",
    "index_of",
    "place",
    "ratio",
]
