"""What the screen looks like, at three sizes. The figures come from whole numbers, the same on every machine.

After a wanted change: `pytest tests/tui/test_snapshots.py --snapshot-update`, and look at the pictures.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.screen import app_of, ready, settled
from tests.tui.standin import Standin
from tests.tui.test_panels import plant_failure, plant_nan

SIZES = [(80, 24), (120, 40), (200, 60)]
Snapshot = Callable[..., bool]


def after(*keys: str) -> Callable[[Pilot[int]], Awaitable[None]]:
    """Press `keys` once the app is ready, and wait until all is drawn."""

    async def run(pilot: Pilot[int]) -> None:
        await ready(pilot)
        for key in keys:
            await pilot.press(key)
            await settled(pilot)

    return run


def size_name(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


@pytest.mark.parametrize("size", SIZES, ids=size_name)
def test_the_opening_screen(snap_compare: Snapshot, size: tuple[int, int]) -> None:
    assert snap_compare(app_of(Standin()), terminal_size=size, run_before=after())


@pytest.mark.parametrize("size", SIZES, ids=size_name)
def test_at_the_gate_in_the_backward_phase(snap_compare: Snapshot, size: tuple[int, int]) -> None:
    assert snap_compare(app_of(Standin()), terminal_size=size, run_before=after("i", *"nnnnnnnnn"))


@pytest.mark.parametrize("panel", ["2", "3", "4", "5", "6", "7", "8"])
def test_one_panel_at_a_time(snap_compare: Snapshot, panel: str) -> None:
    app = app_of(Standin(sizes="64, 20, 100, 10"))
    assert snap_compare(app, terminal_size=(80, 24), run_before=after("i", "i", *"nnn", panel))


@pytest.mark.parametrize("size", SIZES, ids=size_name)
def test_an_iteration_gone_to_nan(snap_compare: Snapshot, size: tuple[int, int]) -> None:
    assert snap_compare(app_of(Standin(plant_nan)), terminal_size=size, run_before=after(*"iiii", *"nnn"))


@pytest.mark.parametrize("size", SIZES, ids=size_name)
def test_a_script_that_failed(snap_compare: Snapshot, size: tuple[int, int]) -> None:
    assert snap_compare(app_of(Standin(plant_failure)), terminal_size=size, run_before=after("c"))


def test_the_end_of_the_run_with_a_maximised_logarithmic_loss(snap_compare: Snapshot) -> None:
    assert snap_compare(app_of(Standin()), terminal_size=(120, 40), run_before=after("c", "5", "l", "m"))


def test_single_entries_of_a_wide_gate(snap_compare: Snapshot) -> None:
    app = app_of(Standin(sizes="64, 20, 100, 10"))
    assert snap_compare(app, terminal_size=(120, 40), run_before=after("3", "z", "right"))


def test_the_record_and_the_output_in_place_of_others(snap_compare: Snapshot) -> None:
    assert snap_compare(app_of(Standin()), terminal_size=(120, 40), run_before=after(*"nnnn", "6", "7"))


@pytest.mark.parametrize("size", SIZES, ids=size_name)
def test_the_viewer_with_a_histogram(snap_compare: Snapshot, size: tuple[int, int]) -> None:
    app = app_of(Standin(sizes="64, 20, 100, 10"))
    assert snap_compare(app, terminal_size=size, run_before=after("8", "h", "greater_than_sign"))


def test_a_table_with_nan_in_a_light_theme(snap_compare: Snapshot) -> None:
    async def lighten(pilot: Pilot[int]) -> None:
        await after(*"iii", "8", "t", "exclamation_mark")(pilot)
        pilot.app.theme = "textual-light"
        await settled(pilot)

    assert snap_compare(app_of(Standin(plant_nan)), terminal_size=(120, 40), run_before=lighten)


def test_a_light_theme(snap_compare: Snapshot) -> None:
    async def lighten(pilot: Pilot[int]) -> None:
        await after("i", *"nnnnnnnnn")(pilot)
        pilot.app.theme = "textual-light"
        await settled(pilot)

    assert snap_compare(app_of(Standin()), terminal_size=(120, 40), run_before=lighten)


def test_without_colour(snap_compare: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(app_of(Standin()), terminal_size=(120, 40), run_before=after("i", *"nnnnnnnnn"))


def test_the_setup(snap_compare: Snapshot) -> None:
    assert snap_compare(app_of(Standin()), terminal_size=(120, 40), run_before=after("I", *"nnn"))


def test_help(snap_compare: Snapshot) -> None:
    async def ask(pilot: Pilot[Any]) -> None:
        await ready(pilot)
        await pilot.press("3", "question_mark")
        await pilot.pause()

    assert snap_compare(app_of(Standin()), terminal_size=(120, 40), run_before=ask)
