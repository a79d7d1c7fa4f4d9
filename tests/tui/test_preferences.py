"""What the app remembers, and a file it does not understand."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from stepper.session.paths import Unsaved
from stepper.tui.app import StepperApp
from stepper.tui.preferences import Preferences, load, save
from tests.tui.screen import ready, screen_text, settled, until
from tests.tui.standin import Standin


@pytest.mark.parametrize("theme", ["", "nord", 'a "quoted" \\ one', "ünï\n\tcode"])
def test_what_is_saved_is_loaded(tmp_path: Path, theme: str) -> None:
    preferences = Preferences(theme, True, ("viewer", "output"), ("loss",), {"upper": 20}, ("/a/b.py", "ü.py"))
    path = tmp_path / "new" / "stepper.toml"
    save(path, preferences)
    assert load(path) == (preferences, {})
    save(path, Preferences())
    assert load(path) == (Preferences(), {}), "what was set and is no longer is taken back"
    assert load(tmp_path / "none.toml") == (Preferences(), {})


def test_what_the_person_wrote_stays_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "stepper.toml"
    path.write_text('# mine\ntheme = "nord"\n\n[keys]  # my own\n"step.next" = "j"\n\n[other]\nx = 1\n')
    save(path, Preferences("dracula", sizes={"upper": 3}))
    text = path.read_text()
    assert text.startswith('# mine\ntheme = "dracula"\n')
    assert '[keys]  # my own\n"step.next" = "j"\n\n[other]\nx = 1\n' in text
    assert load(path) == (Preferences("dracula", sizes={"upper": 3}), {"step.next": "j"})


@pytest.mark.parametrize(
    "text",
    [
        "theme = 3",
        'loss = "cubic"',
        "panels = 1",
        "panels = [1]",
        "theme =",
        "\udcff",
        "hidden = 1",
        "recent = [2]",
        "arguments = ['--epochs']",
        "sizes = 1",
        "[sizes]\na = 'b'",
        "keys = 1",
    ],
)
def test_what_cannot_be_understood_is_refused_with_the_files_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "stepper.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=r"stepper\.toml: "):
        load(path)


async def test_theme_scale_and_panels_are_as_they_were_last_time(tmp_path: Path) -> None:
    path = tmp_path / "stepper.toml"
    session: Any = Standin()
    app = StepperApp(session, path)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("l", "5", "M", "8", "7", "shift+left")
        app.theme = "nord"
        await settled(pilot)
    assert load(path)[0] == Preferences(
        "nord", True, ("viewer", "output", "loss"), ("loss", "timeline"), load(path)[0].sizes
    )
    assert load(path)[0].sizes
    session = Standin()
    app = StepperApp(session, path)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        assert app.theme == "nord" and app.desk.loss.logarithmic
        assert app.desk.viewer.display
        assert app.desk.output.display
        assert not app.desk.gate.display and not app.desk.loss.display


async def test_what_another_app_wrote_down_meanwhile_stays(tmp_path: Path) -> None:
    path = tmp_path / "stepper.toml"
    save(path, Preferences(recent=("/old.py", "/both.py"), arguments={"/both.py": "1"}))
    session: Any = Standin()
    app = StepperApp(session, path)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        app.opened("/both.py", "2")
        app.opened("/mine.py", "")
        save(path, Preferences("nord", recent=("/theirs.py", "/both.py", "/old.py"), arguments={"/theirs.py": "3"}))
        await pilot.press("l")
        await settled(pilot)
    found, _ = load(path)
    assert (found.theme, found.logarithmic) == ("nord", True)
    assert found.recent == ("/mine.py", "/both.py", "/theirs.py", "/old.py")
    assert found.arguments == {"/theirs.py": "3", "/both.py": "2"}


async def test_a_broken_file_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "stepper.toml"
    path.write_text("theme = 3")
    session: Any = Standin()
    app = StepperApp(session, path)
    async with app.run_test(size=(200, 40)) as pilot:
        await ready(pilot)
        await until(pilot, lambda: "theme must be" in screen_text(app))
        await pilot.press("l")
    assert path.read_text() == "theme = 3"


MISTAKES = """
theme = "a-theme-that-nobody-has-ever-heard-of"
[keys]
"step.nxt" = "k"
"step.into" = 5
"go" = "n"
"""


async def test_mistakes_are_told_whole_in_a_narrow_terminal(tmp_path: Path) -> None:
    path = tmp_path / ("a folder with a long name" * 4) / "stepper.toml"
    path.parent.mkdir()
    path.write_text(MISTAKES)
    session: Any = Standin()
    app = StepperApp(session, path)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await until(pilot, lambda: "theme-that-nobody" in screen_text(app))
        shown = screen_text(app).split(str(path)[:20])[1]
        shown = str(path)[:20] + " ".join(shown.split("\n n next")[0].split())
        assert shown.replace(" ", "") == app.misread.replace(" ", "")
        for part in ("no action step.nxt", "step.into must be", "gives n to both", "no theme a-theme-that"):
            assert part in app.misread
        high = app.message.size.height
        await pilot.press("n")
        await settled(pilot)
        assert high > 3 and app.message.size.height == 1, "the next key takes it away, and gives its room back"
        assert "n next" in screen_text(app).splitlines()[-1]


async def test_a_message_has_an_end(tmp_path: Path) -> None:
    session: Any = Standin()
    app = StepperApp(session, tmp_path / "stepper.toml")
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        app.message.say("no end " * 500)
        await pilot.pause()
        assert app.message.size.height == app.message.MOST
        assert screen_text(app).splitlines()[-2].rstrip().endswith("…")


async def test_what_cannot_be_written_is_said_when_the_screen_is_gone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    session: Any = Standin()
    app = StepperApp(session, tmp_path / "new" / "stepper.toml")
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("l")
        (tmp_path / "new").write_text("a file where the folder should be")
    assert app.unkept.startswith(f"{tmp_path / 'new' / 'stepper.toml'}: theme and arrangement could not be written: ")


def test_what_was_kept_stays_whole_where_there_is_no_room_for_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "stepper.toml"
    save(path, Preferences(theme="nord"))

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:5])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(Unsaved, match="there is no room"):
        save(path, Preferences(theme="dracula"))
    assert load(path)[0].theme == "nord" and list(tmp_path.iterdir()) == [path]
