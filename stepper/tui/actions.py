"""The one table of actions: key bindings, footer, palette and help are all made from it."""

from collections.abc import Mapping
from dataclasses import replace

from textual.binding import BindingType

from stepper.tui.action import Action, key_name
from stepper.tui.panel_actions import PANEL_ACTIONS
from stepper.tui.source_actions import BREAKPOINT_ACTIONS, SOURCE_ACTIONS

__all__ = ["ACTIONS", "Action", "bindings", "key_name"]

FOOTER: Mapping[str, tuple[str, int]] = {
    "gate.whole": ("zoom", 1), "gate.dead": ("dead unit", 0), "gate.next": ("next gate", 4),
    "tensors.open": ("view", 0), "tensors.sort": ("sort", 1),
    "viewer.whole": ("zoom", 0), "viewer.largest": ("largest", 1), "viewer.table": ("figures", 2),
    "viewer.what": ("before/after", 4), "viewer.jump": ("index", 5), "viewer.follow": ("follow", 3),
    "record.fold": ("fold", 1), "record.unfold": ("unfold", 2),
    "loss.go": ("go there", 0), "timeline.go": ("go there", 0), "timeline.next_mark": ("next mark", 1),
    "source.go": ("go there", 4),
}  # fmt: skip
"""What the footer calls the actions of the panel that has the focus, and how soon it leaves them out."""

STEPPING, RUNNING, LOOKING, APP = "Stepping", "Running", "Looking", "The app"

ACTIONS = (
    Action(
        "step.next", ("n", "f10"), "step('NEXT')", "Next statement", "Move to the next statement.", STEPPING, "next"
    ),
    Action(
        "step.previous",
        ("N",),
        "step('PREVIOUS')",
        "Previous statement",
        "Move back to the statement before.",
        STEPPING,
        "back",
    ),
    Action(
        "step.into",
        ("s", "f11"),
        "step('INTO')",
        "Step into",
        "Move into what the statement did: calls, operators, the script's own functions.",
        STEPPING,
        "into",
        1,
    ),
    Action(
        "step.back_into", ("S",), "step('BACK_INTO')", "Step back into", "Move back, into what came before.", STEPPING
    ),
    Action("step.out", ("u",), "step('OUT')", "Out", "Move up, to the statement around this one.", STEPPING, "out", 2),
    Action(
        "step.iteration",
        ("i", "space"),
        "step('ITERATION')",
        "Next iteration",
        "Move to the next iteration.",
        STEPPING,
        "iteration",
    ),
    Action(
        "step.previous_iteration",
        ("I", "backspace"),
        "step('PREVIOUS_ITERATION')",
        "Previous iteration",
        "Move back to the iteration before; it is replayed where its record is gone (run again, with all it writes).",
        STEPPING,
        "back",
        4,
    ),
    Action(
        "go", ("g",), "go", "Go to iteration", "Go to an iteration by its number, or to the setup.", RUNNING, "go to", 3
    ),
    Action(
        "wrong",
        ("D",),
        "wrong",
        "Where the loss went wrong",
        "Go to where what made the loss NaN or infinite began, be it in an iteration before.",
        RUNNING,
    ),
    Action(
        "place.back", ("left_square_bracket",), "place(-1)", "Back", "Go back to where the cursor jumped from.", RUNNING
    ),
    Action(
        "place.forth", ("right_square_bracket",), "place(1)", "Forth", "Go forth again, to where it jumped to.", RUNNING
    ),
    Action(
        "run.continue",
        ("c", "f5"),
        "continue",
        "Continue",
        "Run on to the next breakpoint; without one at full speed, to the end or to p.",
        RUNNING,
        "continue",
    ),
    Action(
        "run.reverse",
        ("C",),
        "reverse",
        "Reverse-continue",
        "Go back to the breakpoint before; without one to the first iteration.",
        RUNNING,
    ),
    Action(
        "run.play",
        ("a",),
        "play",
        "Auto-play",
        "Step by itself: 1, 4 or 15 statements a second, then off; p stops it.",
        RUNNING,
    ),
    Action(
        "run.pause",
        ("p",),
        "pause",
        "Pause",
        "Stop running at the next iteration, or inside one that takes long.",
        RUNNING,
        "pause",
        1,
    ),
    *BREAKPOINT_ACTIONS,
    Action(
        "search",
        ("slash",),
        "search",
        "Search",
        "Look for a text, a name or nan in the record, from the cursor on (in Output: in what was printed); enter "
        "alone looks for the same again. In Tensors: show only what has it.",
        LOOKING,
        "search",
        6,
    ),
    Action(
        "watch",
        ("w",),
        "watch",
        "Watch an expression",
        "Show in Tensors what a Python expression of the recorded values comes to, wherever the cursor is.",
        LOOKING,
        "watch",
        8,
    ),
    Action(
        "loss.scale",
        ("l",),
        "loss_scale",
        "Loss: linear or log",
        "Switch the scale of the loss chart.",
        LOOKING,
        "log",
        5,
    ),
    Action(
        "panel.maximise",
        ("m",),
        "maximise",
        "Maximise panel",
        "Give the focused panel all the room; again to restore.",
        LOOKING,
        "maximise",
        3,
    ),
    Action(
        "panel.hide", ("M",), "hide", "Hide panel", "Give the place of the focused panel to its neighbours.", LOOKING
    ),
    Action("panel.wider", ("shift+right",), "resize(2, 0)", "Wider", "Make the focused panel wider.", LOOKING),
    Action("panel.narrower", ("shift+left",), "resize(-2, 0)", "Narrower", "Make the focused panel narrower.", LOOKING),
    Action("panel.taller", ("shift+down",), "resize(0, 1)", "Taller", "Make the focused panel taller.", LOOKING),
    Action("panel.shorter", ("shift+up",), "resize(0, -1)", "Shorter", "Make the focused panel shorter.", LOOKING),
    Action("panel.reset", ("R",), "reset", "Panels as at first", "Show, place and size all as at first.", LOOKING),
    Action(
        "panel.restore",
        ("escape",),
        "restore",
        "Restore panels",
        "Show all the panels again; forget the keys that wait, as while the script starts.",
        LOOKING,
    ),
    Action("panel.1", ("1",), "panel(0)", "Source", "Go to the Source panel.", LOOKING),
    Action("panel.2", ("2",), "panel(1)", "Tensors", "Go to the Tensors panel.", LOOKING),
    Action("panel.3", ("3",), "panel(2)", "Gate", "Go to the Gate panel.", LOOKING),
    Action("panel.4", ("4",), "panel(3)", "Gradients", "Go to the Gradients panel.", LOOKING),
    Action("panel.5", ("5",), "panel(4)", "Loss", "Go to the Loss panel.", LOOKING),
    Action("panel.6", ("6",), "panel(5)", "Record", "Go to the Record panel: all that happened, as a tree.", LOOKING),
    Action("panel.7", ("7",), "panel(6)", "Output", "Go to the Output panel: what the script printed.", LOOKING),
    Action("panel.8", ("8",), "panel(7)", "Viewer", "Go to the Viewer panel: any tensor, element by element.", LOOKING),
    Action("panel.9", ("9",), "panel(8)", "Timeline", "Go to the Timeline panel: all iterations, with marks.", LOOKING),
    Action(
        "panel.traceback", ("0",), "panel(-1)", "Traceback", "Go to the traceback, where the script failed.", LOOKING
    ),
    Action(
        "restart",
        ("r",),
        "restart",
        "Restart",
        "Run the same target from its beginning, with what its files say now; asks once while it runs. "
        "Breakpoints stay; [ leads to where the cursor stood.",
        APP,
    ),
    Action(
        "what_if",
        ("e",),
        "what_if",
        "What if",
        "Run the target anew with a statement of yours carried out before this iteration, as lr = 0.1, and compare "
        "the losses; an empty one takes it away.",
        APP,
        "what if",
        9,
    ),
    Action("target", ("v",), "target", "Choose target", "Open another variant or a script.", APP, "target", 2),
    Action(
        "export",
        ("x",),
        "export",
        "Save",
        "Save a tensor, the record, the losses or the screen to a file.",
        APP,
        "save",
        7,
    ),
    Action(
        "copy",
        ("y",),
        "copy",
        "Copy",
        "Copy what the focused panel shows to the clipboard; in the Viewer the element.",
        APP,
    ),
    Action("help", ("question_mark", "f1"), "help", "Help", "All keys, and what the figures mean.", APP, "help"),
    Action(
        "suspend",
        ("ctrl+z",),
        "suspend_process",
        "Suspend",
        "Back to the shell, whose fg leads here again; a script that runs goes on meanwhile.",
        APP,
    ),
    Action("quit", ("q",), "quit", "Quit", "Close the app and end the script; asks once while it runs.", APP, "quit"),
    *(
        replace(action, short=FOOTER[action.name][0], drop=FOOTER[action.name][1]) if action.name in FOOTER else action
        for action in (*SOURCE_ACTIONS, *PANEL_ACTIONS)
    ),
)


def bindings(panel: str = "") -> list[BindingType]:
    """The bindings of one panel, or of the app itself."""
    return [action.binding for action in ACTIONS if action.panel == panel]
