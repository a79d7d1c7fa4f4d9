"""The actions that are a panel's own: they act while it has the focus. Part of the table in `actions`."""

from stepper.tui.action import Action

GATE, RECORD = "In the gate", "In the record"

PANEL_ACTIONS = (
    Action("gate.previous", ("comma",), "choose(-1)", "Previous gate", "Show the gate before.", GATE, panel="gate"),
    Action("gate.next", ("full_stop",), "choose(1)", "Next gate", "Show the next gate.", GATE, panel="gate"),
    Action("gate.zoom", ("z",), "zoom", "Zoom", "Between the whole gate and its single entries.", GATE, panel="gate"),
    Action("gate.left", ("left",), "pan(0, -1)", "Pan left", "Move left over single entries.", GATE, panel="gate"),
    Action("gate.right", ("right",), "pan(0, 1)", "Pan right", "Move right over single entries.", GATE, panel="gate"),
    Action("gate.up", ("up",), "pan(-1, 0)", "Pan up", "Move up over single entries.", GATE, panel="gate"),
    Action("gate.down", ("down",), "pan(1, 0)", "Pan down", "Move down over single entries.", GATE, panel="gate"),
    Action("record.up", ("up",), "line(-1)", "Up", "Move the cursor one line up.", RECORD, panel="record"),
    Action("record.down", ("down",), "line(1)", "Down", "Move the cursor one line down.", RECORD, panel="record"),
    Action("record.page_up", ("pageup",), "page(-1)", "Page up", "Move the cursor a page up.", RECORD, panel="record"),
    Action(
        "record.page_down",
        ("pagedown",),
        "page(1)",
        "Page down",
        "Move the cursor a page down.",
        RECORD,
        panel="record",
    ),
    Action("record.first", ("home",), "edge(0)", "First event", "Move to the first event.", RECORD, panel="record"),
    Action(
        "record.last",
        ("end",),
        "edge(-1)",
        "Last event",
        "Move to the last event that is shown.",
        RECORD,
        panel="record",
    ),
    Action(
        "record.fold",
        ("left",),
        "fold",
        "Fold",
        "Fold what happened inside; again to move to the event around.",
        RECORD,
        panel="record",
    ),
    Action(
        "record.unfold",
        ("right",),
        "unfold",
        "Unfold",
        "Unfold what happened inside; again to move into it.",
        RECORD,
        panel="record",
    ),
    Action(
        "record.toggle",
        ("enter",),
        "turn",
        "Fold or unfold",
        "Fold or unfold the event under the cursor.",
        RECORD,
        panel="record",
    ),
)
