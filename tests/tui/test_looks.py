"""Every panel at three sizes, in a light theme and without colour, in a healthy iteration and in one gone to NaN.

Kept as text with styles, one file for all: what changes can be read, and merged. After a wanted change:
`pytest tests/tui/test_looks.py --snapshot-update`.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

import pytest
from rich.style import Style
from syrupy.assertion import SnapshotAssertion

from stepper.tui.app import StepperApp
from stepper.tui.arrangement import PANELS
from tests.tui.screen import app_of, ready, settled
from tests.tui.standin import Standin
from tests.tui.test_panels import plant_nan

SIZES = [(80, 24), (120, 40), (200, 60)]
STATES: dict[str, tuple[Any, str]] = {"healthy": (None, "iinnnnnnnnnn"), "nan": (plant_nan, "iiiinnn")}
LOOKS = ("light", "no colour")


def described(style: Style | None) -> str:
    """A style in words."""
    if style is None:
        return "plain"
    flags = [name for name in ("bold", "dim", "italic", "underline", "reverse") if getattr(style, name)]
    colours = [colour.get_truecolor().hex if colour is not None else "-" for colour in (style.color, style.bgcolor)]
    return " ".join([*flags, f"{colours[0]} on {colours[1]}"])


def picture(app: StepperApp) -> str:
    """The screen's text, the style of each run of characters, and what the styles are."""
    codes: dict[str, str] = {}
    lines: list[str] = []
    runs: list[str] = []
    for strip in app.screen._compositor.render_strips()[: app.size.height]:
        cells = [(character, described(segment.style)) for segment in strip for character in segment.text]
        lines.append("".join(character for character, _ in cells).rstrip())
        coded = [codes.setdefault(style, str(len(codes))) for _, style in cells]
        runs.append(" ".join(f"{code}×{len(list(same))}" for code, same in groupby(coded)))
    legend = [f"{code}: {style}" for style, code in codes.items()]
    return "\n".join([*lines, "", *runs, "", *legend])


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("state", STATES)
async def test_every_panel(
    snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch, state: str, look: str, size: tuple[int, int]
) -> None:
    if look == "no colour":
        monkeypatch.setenv("NO_COLOR", "1")
    plant, keys = STATES[state]
    app = app_of(Standin(plant, sizes="16, 6, 20, 3"))
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        if look == "light":
            app.theme = "textual-light"
        for key in keys:
            await pilot.press(key)
            await settled(pilot)
        seen: set[str] = set()
        for panel in app.desk.panels:
            if panel.id == "trouble" or panel.id in seen:
                continue
            await pilot.press(str(PANELS.index(panel.id or "") + 1))
            await settled(pilot)
            seen |= {other.id or "" for other in app.desk.panels if other.display}
            assert panel.id in seen
            assert picture(app) == snapshot(name=str(panel.id))
        assert seen == set(PANELS) - {"trouble"}
