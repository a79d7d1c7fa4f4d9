"""The titles of panels, and the panels behind them, in narrow borders."""

from __future__ import annotations

import pytest

from stepper.tui.panels.lines import pad
from stepper.tui.panels.titles import fitted
from tests.tui.screen import app_of, place, ready, screen_text, settled
from tests.tui.standin import Standin

TITLES = ("Gate · ahead of the cursor, line 23", "Gate · ahead", "Gate")
BESIDE = [("6", "Record"), ("8", "Viewer")]


def test_a_title_says_less_before_the_panels_behind_it_lose_their_names() -> None:
    whole = len("".join(TITLES[0]) + "  6 Record  8 Viewer")
    assert fitted(TITLES, BESIDE, whole) == (TITLES[0], ("6 Record", "8 Viewer"))
    assert fitted(TITLES, BESIDE, whole - 1) == (TITLES[1], ("6 Record", "8 Viewer"))
    assert fitted(TITLES, BESIDE, 23) == (TITLES[0 + 1], ("6", "8"))
    assert fitted(TITLES, BESIDE, 10) == ("Gate", ("6", "8"))
    assert fitted(TITLES, BESIDE, 1) == ("Gate", ("6", "8"))


@pytest.mark.parametrize("size", [(100, 30), (110, 34), (120, 40), (133, 37)])
async def test_the_names_of_hidden_panels_are_whole_or_left_out(size: tuple[int, int]) -> None:
    app = app_of(Standin())
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        for key in "nnnnnnn":
            titles = [line for line in screen_text(app).splitlines() if "╭─ Source" in line or "╭─ Tensors" in line]
            assert len(titles) == 2 and "…" not in "".join(titles), titles
            assert "6 Record  8 Viewer ─" in titles[0] and "7 Output ─" in titles[1] and "9 Timeline ─" in titles[1]
            await pilot.press(key)
            await settled(pilot)


async def test_a_title_grows_with_its_panel() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        assert "Gate · ahead of the cursor" not in screen_text(app)
        await pilot.resize_terminal(150, 40)
        await settled(pilot)
        assert "Gate · ahead of the cursor, line 13  6 Record  8 Viewer" in screen_text(app)


def test_what_is_cut_ends_with_an_ellipsis_wherever_its_pieces_end() -> None:
    pieces = [("w", ""), (" = ", ""), ("rng", ""), (".", ""), ("normal", ""), ("()", "")]
    whole = "".join(text for text, _ in pieces)
    for width in range(1, len(whole)):
        found = "".join(text for text, _ in pad(pieces, [], width))
        assert found == whole[: width - 1] + "…"
    assert "".join(text for text, _ in pad(pieces, [], len(whole))) == whole


@pytest.mark.parametrize("key", "2345679")
async def test_a_click_on_a_panels_border_does_nothing_to_what_is_in_it(key: str) -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 30)) as pilot:
        await ready(pilot)
        await pilot.press("i", "i", "n", "n", "n", "n", key)
        await settled(pilot)
        panel = app.desk.chosen
        panel.scroll_to(y=2, animate=False, immediate=True)
        await settled(pilot)
        before = (place(app), screen_text(app))
        for y in (0, panel.size.height + 1):
            await pilot.click(f"#{panel.id}", offset=(panel.region.width - 4, y))
            await settled(pilot)
            assert (place(app), screen_text(app)) == before
