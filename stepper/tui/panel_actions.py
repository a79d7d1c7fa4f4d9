"""The actions that are a panel's own: they act while it has the focus. Part of the table in `actions`."""

from stepper.tui.action import Action

GRADIENTS = "In the gradients"
LOSS, TIMELINE = "In the loss", "In the timeline"
GATE, RECORD = "In the gate", "In the record"
TENSORS, VIEWER = "In the tensors", "In the viewer"


def _view(panel: str, group: str, before: str, after: str) -> tuple[Action, ...]:
    """What every panel that looks at tensors can do; `before` and `after` are the keys for the slices."""
    table: tuple[tuple[str, tuple[str, ...], str, str, str], ...] = (
        ("up", ("up",), "cell(-1, 0)", "Up", "Move up by a cell."),
        ("down", ("down",), "cell(1, 0)", "Down", "Move down by a cell."),
        ("left", ("left",), "cell(0, -1)", "Left", "Move left by a cell."),
        ("right", ("right",), "cell(0, 1)", "Right", "Move right by a cell."),
        ("page_up", ("pageup",), "page(-1, 0)", "Page up", "Move up by what is in view."),
        ("page_down", ("pagedown",), "page(1, 0)", "Page down", "Move down by what is in view."),
        ("page_left", ("ctrl+left",), "page(0, -1)", "Page left", "Move left by what is in view."),
        ("page_right", ("ctrl+right",), "page(0, 1)", "Page right", "Move right by what is in view."),
        ("row_start", ("home",), "edge(0, -1)", "First column", "Move to the first column."),
        ("row_end", ("end",), "edge(0, 1)", "Last column", "Move to the last column."),
        ("first", ("ctrl+home",), "edge(-1, -1)", "First element", "Move to the first row and column."),
        ("last", ("ctrl+end",), "edge(1, 1)", "Last element", "Move to the last row and column."),
        ("nearer", ("plus", "equals_sign"), "nearer(True)", "Zoom in", "Fewer elements a cell, down to one."),
        ("farther", ("minus",), "nearer(False)", "Zoom out", "More elements a cell, up to the whole tensor."),
        ("whole", ("z",), "whole", "Whole or elements", "Between the whole tensor and single elements."),
        ("previous_slice", (before,), "through(-1)", "Previous slice",
         "The slice before, along the axes that are not shown."),
        ("next_slice", (after,), "through(1)", "Next slice", "The next slice along the axes that are not shown."),
        ("axes", ("o",), "axes", "Other axes", "Show other two axes of a tensor that has more."),
        ("jump", ("j",), "app.jump", "Go to an index", "Go to an index, 12, 87, or a slice, 3, :, :, 0."),
    )  # fmt: skip
    return tuple(
        Action(f"{panel}.{name}", keys, call, title, help, group, panel=panel)
        for name, keys, call, title, help in table
    )


def _points(panel: str, group: str) -> tuple[Action, ...]:
    """What every panel can do that has iterations from left to right."""
    table: tuple[tuple[str, str, str, str, str], ...] = (
        ("left", "left", "point(-1)", "Point to the left", "Read the point to the left."),
        ("right", "right", "point(1)", "Point to the right", "Read the point to the right."),
        ("first", "home", "edge(False)", "First point", "Read the first iteration."),
        ("last", "end", "edge(True)", "Last point", "Read the last iteration."),
        ("go", "enter", "go", "Go to the point", "Go to the iteration that is read; g does it too."),
    )
    return tuple(
        Action(f"{panel}.{name}", (key,), call, title, help, group, panel=panel)
        for name, key, call, title, help in table
    )


def _lines(panel: str, group: str, what: str) -> tuple[Action, ...]:
    """What every panel can do that is a list, one of whose lines is selected: each is `what`."""
    table = (
        ("up", "up", "line(-1)", "Up", f"Select the {what} above."),
        ("down", "down", "line(1)", "Down", f"Select the {what} below."),
        ("page_up", "pageup", "page(-1)", "Page up", f"Select a {what} a page up."),
        ("page_down", "pagedown", "page(1)", "Page down", f"Select a {what} a page down."),
        ("first", "home", "edge(0)", f"First {what}", f"Select the first {what}."),
        ("last", "end", "edge(-1)", f"Last {what}", f"Select the last {what}."),
    )
    return tuple(
        Action(f"{panel}.{name}", (key,), call, title, help, group, panel=panel)
        for name, key, call, title, help in table
    )


PANEL_ACTIONS = (
    Action("gate.previous", ("comma",), "choose(-1)", "Previous gate", "Show the gate before.", GATE, panel="gate"),
    Action("gate.next", ("full_stop",), "choose(1)", "Next gate", "Show the next gate.", GATE, panel="gate"),
    Action(
        "gate.pick",
        ("enter",),
        "app.pick_gate",
        "Choose a gate",
        "Choose one of the iteration's gates from a list.",
        GATE,
        panel="gate",
    ),
    Action(
        "gate.follow",
        ("f",),
        "follow",
        "Follow the statement",
        "Show the gate that the cursor came to last, again.",
        GATE,
        panel="gate",
    ),
    Action(
        "gate.dead",
        ("d",),
        "dead",
        "Next dead unit",
        "Move to the next unit that is blocked for every sample, after the last to those of the next gate.",
        GATE,
        panel="gate",
    ),
    *_view("gate", GATE, "less_than_sign", "greater_than_sign"),
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
        "Last statement",
        "Move to the last statement, where every value is there.",
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
    *_lines("gradients", GRADIENTS, "parameter"),
    Action(
        "gradients.open",
        ("enter",),
        "open",
        "Open in the viewer",
        "Open the selected parameter's gradient in the Viewer.",
        GRADIENTS,
        panel="gradients",
    ),
    Action(
        "gradients.check",
        ("f",),
        "app.check",
        "Check the gradients",
        "Compare this iteration's gradients with finite differences of its loss, in a process of its own.",
        GRADIENTS,
        panel="gradients",
    ),
    *_lines("tensors", TENSORS, "value"),
    Action(
        "tensors.open",
        ("enter",),
        "open",
        "Open in the viewer",
        "Open the selected value in the Viewer.",
        TENSORS,
        panel="tensors",
    ),
    Action(
        "tensors.sort",
        ("o",),
        "sort(1)",
        "Sort by the next column",
        "Sort by the next column; after the last, what the statement changed comes first again.",
        TENSORS,
        panel="tensors",
    ),
    Action(
        "tensors.reverse", ("O",), "reverse", "Reverse the order", "Sort the other way round.", TENSORS, panel="tensors"
    ),
    Action(
        "tensors.remove",
        ("delete",),
        "remove",
        "Watch it no more",
        "Take away the selected expression that is watched.",
        TENSORS,
        panel="tensors",
    ),
    *_view("viewer", VIEWER, "comma", "full_stop"),
    Action("viewer.table", ("t",), "table", "Table of values", "Between colours and figures.", VIEWER, panel="viewer"),
    Action("viewer.histogram", ("h",), "histogram", "Histogram", "Show or hide the histogram.", VIEWER, panel="viewer"),
    Action(
        "viewer.what",
        ("d",),
        "what",
        "After, before, difference",
        "After, before, or their difference, for what a statement changed in place.",
        VIEWER,
        panel="viewer",
    ),
    Action(
        "viewer.largest",
        ("greater_than_sign",),
        "extreme('largest')",
        "Largest element",
        "Jump to the largest finite element by sign: 3 rather than -5.",
        VIEWER,
        panel="viewer",
    ),
    Action(
        "viewer.smallest",
        ("less_than_sign",),
        "extreme('smallest')",
        "Smallest element",
        "Jump to the smallest finite element by sign: -5 rather than 3.",
        VIEWER,
        panel="viewer",
    ),
    Action(
        "viewer.furthest",
        ("vertical_line",),
        "extreme('furthest')",
        "Largest in size",
        "Jump to the finite element furthest from zero: -5 rather than 3.",
        VIEWER,
        panel="viewer",
    ),
    Action(
        "viewer.nonfinite",
        ("exclamation_mark",),
        "extreme('nonfinite')",
        "First NaN or infinity",
        "Jump to the first element that is not finite.",
        VIEWER,
        panel="viewer",
    ),
    Action(
        "viewer.follow",
        ("f",),
        "follow",
        "Follow the statement",
        "Show what the statement under the cursor made, again.",
        VIEWER,
        panel="viewer",
    ),
    *_points("loss", LOSS),
    *_points("timeline", TIMELINE),
    Action(
        "timeline.previous_mark",
        ("comma",),
        "mark(-1)",
        "Mark before",
        "Read the iteration before that has a mark.",
        TIMELINE,
        panel="timeline",
    ),
    Action(
        "timeline.next_mark",
        ("full_stop",),
        "mark(1)",
        "Next mark",
        "Read the next iteration that has a mark.",
        TIMELINE,
        panel="timeline",
    ),
)
