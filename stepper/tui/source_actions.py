"""The actions of the Source panel and of breakpoints. Part of the table in `actions`."""

from stepper.tui.action import Action

SOURCE, BREAKPOINTS = "In the source", "Breakpoints"

SOURCE_ACTIONS = (
    Action("source.up", ("up",), "line(-1)", "Line up", "Select the line above.", SOURCE, panel="source"),
    Action("source.down", ("down",), "line(1)", "Line down", "Select the line below.", SOURCE, panel="source"),
    Action("source.page_up", ("pageup",), "page(-1)", "Page up", "Select a line a page up.", SOURCE, panel="source"),
    Action(
        "source.page_down", ("pagedown",), "page(1)", "Page down", "Select a line a page down.", SOURCE, panel="source"
    ),
    Action("source.first", ("home",), "edge(0)", "First line", "Select the first line.", SOURCE, panel="source"),
    Action("source.last", ("end",), "edge(-1)", "Last line", "Select the last line.", SOURCE, panel="source"),
    Action(
        "source.go",
        ("enter",),
        "go",
        "Go to the line",
        "Go to the next statement of this record on the selected line.",
        SOURCE,
        panel="source",
    ),
    Action(
        "source.file",
        ("f",),
        "app.file",
        "Another file",
        "Show another file of the script, until the cursor moves: its lines can be gone to and have breakpoints.",
        SOURCE,
        panel="source",
    ),
)  # fmt: skip

BREAKPOINT_ACTIONS = (
    Action(
        "breakpoint.toggle",
        ("b", "f9"),
        "breakpoint",
        "Breakpoint",
        "Set a breakpoint on the selected line of the source, or take it away; so does a click on its number.",
        BREAKPOINTS,
        "break",
        5,
    ),
    Action(
        "breakpoint.condition",
        ("W",),
        "condition",
        "Breakpoint with a condition",
        "Let the breakpoint on the selected line stop only where a Python expression holds; one is set if need be.",
        BREAKPOINTS,
    ),
    Action(
        "breakpoint.list",
        ("L",),
        "breakpoints",
        "List of breakpoints",
        "List all breakpoints: go to one, switch it off or on, give it a condition, take it away.",
        BREAKPOINTS,
    ),
    Action("breakpoint.clear", ("B",), "clear_breakpoints", "Clear breakpoints", "Take all breakpoints away.",
           BREAKPOINTS),
)  # fmt: skip
