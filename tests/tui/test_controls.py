"""No control character of the script's reaches the terminal, wherever its text is shown."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

from stepper.session import Options, Session
from tests.tui.screen import app_of, ready, screen_text, settled, text_of

PRINTING = """
import numpy as np
w = np.zeros(3)
for i in range(5):
    print("\\033[H\\033[J", end="")
    print("up \\x1b[3A \\x1b]0;evil\\x07 \\x1b[?1049l \\x9b31mred\\x1b[0m end")
    for k in range(3):
        print(f"\\r{k * 50}%|###", end="")
    print("\\n\\rinner\\x1b[A\\router")
    g = w - 1.0
    w = w - 0.1 * g
"""

RAISING = """
import numpy as np
w = np.zeros(3)
for i in range(5):
    g = w - 1.0
    w = w - 0.1 * g
    if i == 2:
        raise RuntimeError("\\033[31mred\\033[0m [bold]markup[/bold] [/] \\033[2J\\033[H\\a bad")
"""


def drawn(app: Any) -> str:
    """All that is on the screen; asserts that nothing of it is a control character."""
    text = screen_text(app)
    found = {sign for sign in text if unicodedata.category(sign) == "Cc" and sign != "\n"}
    assert not found, [hex(ord(sign)) for sign in found]
    return text


async def test_what_is_printed_is_shown_without_its_escape_codes(tmp_path: Path) -> None:
    script = tmp_path / "clears.py"
    script.write_text(PRINTING)
    app = app_of(Session(str(script), Options()))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("i", "7")
        await settled(pilot)
        shown = [line.split(maxsplit=2)[-1] for line in text_of(app.desk.output).splitlines() if "┆" in line]
        assert "up    red end" in shown
        assert "100%|###" in shown
        assert shown[-2:] == ["outer", "inner"], shown
        assert "red end" in drawn(app)


async def test_a_traceback_is_shown_without_its_escape_codes(tmp_path: Path) -> None:
    script = tmp_path / "raises.py"
    script.write_text(RAISING)
    app = app_of(Session(str(script), Options()))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("c")
        await settled(pilot)
        assert "RuntimeError: red [bold]markup[/bold] [/]  bad" in text_of(app.desk.trouble)
        assert "red [bold]markup[/bold]" in drawn(app)
        assert "\x1b[31m" in app.desk.trouble.copied(), "what is copied is the text as it is"
