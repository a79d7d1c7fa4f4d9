"""Saving to files and copying to the clipboard."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from textual.widgets import Input, OptionList

from stepper.tui.saving import offers
from stepper.tui.scene import Scene
from tests.tui.screen import app_of, ready, screen_text, settled, until
from tests.tui.standin import Standin


async def test_x_saves_and_never_replaces_a_file_without_asking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    session = Standin()
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        for place, name in enumerate(["numpy-0-h.npy", "numpy-0.json", "numpy-losses.csv", "numpy-0.svg"]):
            await pilot.press("8")
            await settled(pilot)
            await pilot.press("x", *["down"] * place, "enter", "enter")
            await until(pilot, lambda name=name: f"Saved to {tmp_path / name}"[:100] in screen_text(app))  # type: ignore[misc]
        array = np.load(tmp_path / "numpy-0-h.npy")
        assert np.array_equal(array, session._recorder.names["h"])
        assert json.loads((tmp_path / "numpy-0.json").read_text())["format"] == 1
        assert (tmp_path / "numpy-losses.csv").read_text() == "iteration,loss\n0,21128.0\n"
        assert (tmp_path / "numpy-0.svg").read_text().startswith("<svg")
        (tmp_path / "numpy-0-h.npy").write_text("mine")
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.focused, OptionList))
        assert "The record of iteration 0 (JSON)" in screen_text(app)
        assert "The loss of every iteration so far (CSV)" in screen_text(app)
        await pilot.press("enter", "enter")
        await until(pilot, lambda: "is there already" in screen_text(app))
        assert (tmp_path / "numpy-0-h.npy").read_text() == "mine"
        await pilot.press("enter")
        await until(pilot, lambda: (tmp_path / "numpy-0-h.npy").stat().st_size > 4)


@pytest.mark.parametrize(
    ("target", "name"),
    [("numpy", "numpy"), ("/home/me/my train.py", "my-train"), ("-m lab.train", "lab-train"), ("-m lab", "lab")],
)
def test_what_is_saved_is_named_by_the_target(target: str, name: str) -> None:
    (screen,) = offers(Scene(target=target), None)
    assert screen.file == f"{name}-setup.svg"


NOT_THERE = {
    "folder/": "is a folder; name a file in it",
    "none/such.npy": "the folder none does not exist",
    "file/such.npy": "file is no folder",
    "~nobody-of-this-name/such.npy": "the folder ~nobody-of-this-name does not exist",
    "[/red]/such.npy": "the folder [/red] does not exist",
    "n" * 300: "the name is too long: nnnnn",
}


@pytest.mark.parametrize("name", NOT_THERE)
async def test_a_place_where_nothing_can_be_written_is_said_plainly_and_can_be_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("x", "enter")
        app.screen.query_one(Input).value = name
        await pilot.press("enter")
        await until(pilot, lambda: NOT_THERE[name] in screen_text(app))
        assert "Errno" not in screen_text(app)
        app.screen.query_one(Input).value = "good.json"
        await pilot.press("enter")
        await until(pilot, lambda: "Saved to" in screen_text(app))
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "file", "good.json"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
async def test_what_fails_while_it_is_written_is_said_plainly() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("x", "enter")
        app.screen.query_one(Input).value = "/dev/full"
        await pilot.press("enter")
        await until(pilot, lambda: "Nothing was saved: there is no room for" in screen_text(app))
        assert "bytes in /dev; make some" in screen_text(app)


async def test_y_copies_what_the_panel_shows() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("2", "y")
        assert app.clipboard.splitlines()[1].startswith("◆ h ")
        await pilot.press("8")
        await settled(pilot)
        await pilot.press("y")
        assert app.clipboard == "11.0"
        assert "Copied 11.0." in screen_text(app)
        await pilot.press("t")
        await settled(pilot)
        await pilot.press("y")
        assert len(app.clipboard.splitlines()) > 4
        assert "\t" in app.clipboard


async def test_y_copies_what_is_cut_on_the_screen_whole() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await pilot.press(*"nnnn", "1", "y")
        await settled(pilot)
        code = [line for line in app.scene.source.splitlines() if line.strip()]
        lines = [line for line in app.clipboard.splitlines() if line.strip(" 0123456789✓▶●!sFLBU·")]
        assert len(lines) == len(code)
        assert all(whole.strip() in line for whole, line in zip(code, lines, strict=True))
        assert any(line.endswith("(8,6)·(6,10) → (8,10)") for line in lines), "and what the lines computed"
        await pilot.press("6")
        await settled(pilot)
        await pilot.press("y")
        events = app.scene.record.events if app.scene.record is not None else []
        assert len(app.clipboard.splitlines()) == len(events)
        assert all(event.text in line for event, line in zip(events, app.clipboard.splitlines(), strict=True))
        await pilot.press("2")
        await settled(pilot)
        await pilot.press("y")
        for word in ("type", "zeros", "float64"[:1] + "64", "(8, 10)"):
            assert word in app.clipboard
