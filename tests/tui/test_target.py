"""The target picker: what it lists, what can be set there, and that what is wrong is said there."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Select

from stepper.session import Options, Session
from stepper.tui.app import StepperApp
from stepper.tui.preferences import Preferences, load, save
from stepper.tui.recent import plain
from stepper.tui.screens.files import FilesScreen
from stepper.tui.screens.target import Choice, TargetScreen
from stepper.variants import VARIANTS
from tests.tui.screen import app_of, ready, screen_text, settled, until
from tests.tui.standin import Standin


@asynccontextmanager
async def picker(
    size: tuple[int, int] = (120, 50), recent: tuple[str, ...] = (), arguments: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[Any, list[Any]]]:
    """The picker, open over the app; what it answers goes into the list."""
    session: Any = Standin()
    app = StepperApp(session)
    answers: list[Choice | None] = []
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        await app.push_screen(TargetScreen(app.session, recent, arguments or {}), answers.append)
        await until(pilot, lambda: isinstance(app.focused, OptionList))
        yield pilot, answers


def field(pilot: Pilot[int], name: str) -> Input:
    return pilot.app.screen.query_one(f"#{name}", Input)


async def test_enter_opens_the_highlighted_variant_as_it_stands() -> None:
    async with picker() as (pilot, answers):
        text = screen_text(pilot.app)
        assert "relu-class" in text and "Has a mistake in back_propagation" in text and "preset slower" in text
        assert field(pilot, "settings").placeholder.startswith("N=64 D_in=1000")
        await pilot.press("down", "enter")
        await until(pilot, lambda: answers)
        assert answers == [Choice("numpy", Options(seed=0, preset="small"))]


async def test_seed_device_and_settings_can_be_changed() -> None:
    async with picker() as (pilot, answers):
        await pilot.press("down", "down")
        await until(pilot, lambda: "learning_rate=1e-6" in field(pilot, "settings").placeholder)
        await pilot.press("tab", "tab")
        await until(pilot, lambda: pilot.app.focused is field(pilot, "seed"))
        await pilot.press("backspace", "7", "tab")
        pilot.app.screen.query_one("#device", Select).value = "cpu"
        await pilot.press("tab", *"H=3 name='a b'", "enter")
        await until(pilot, lambda: answers)
        assert answers == [Choice("torch", Options(seed=7, device="cpu", settings=("H=3", "name=a b")))]


async def test_a_letter_leads_to_the_next_name_that_begins_with_it_and_past_the_last_to_the_first(
    tmp_path: Path,
) -> None:
    script = tmp_path / "tiny.py"
    script.write_text("pass\n")
    async with picker(recent=(str(script),)) as (pilot, answers):
        row = pilot.app.focused
        assert isinstance(row, OptionList)
        rows = []
        for key in "tttdp":  # the script, torch; no preset has a name of its own
            await pilot.press(key)
            rows.append(row.highlighted)
        await pilot.press("N", "enter")
        await until(pilot, lambda: answers)
    first, torch, again, dynamic, still = rows
    assert 0 == torch != first == again and dynamic == still
    assert answers[0].target == "numpy", "behind the last the first"


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        (("tab", "enter"), None),
        (("tab", "tab", "backspace", "7", "shift+tab", "enter"), Choice("numpy", Options(seed=7))),
        (("tab", "tab", "tab", "tab", *"H=3", "shift+tab", "shift+tab", "shift+tab", "enter"),
         Choice("numpy", Options(seed=0, settings=("H=3",)))),
    ],
    ids=["nothing", "a seed", "a setting"],
)  # fmt: skip
async def test_enter_in_the_empty_path_loses_nothing_that_was_typed_elsewhere(
    keys: tuple[str, ...], answer: Choice | None
) -> None:
    async with picker() as (pilot, answers):
        for key in keys:
            await pilot.press(key)
        await until(pilot, lambda: answers)
        assert answers == [answer]


async def test_what_could_not_be_opened_is_there_again_to_be_mended() -> None:
    app = app_of(Session("numpy", Options(seed=0, preset="small")))
    async with app.run_test(size=(120, 50)) as pilot:
        await ready(pilot)
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.focused, OptionList))
        await pilot.press("down", "tab", "tab", "backspace", "7", "tab", "tab", *"HH='a b'", "tab", *"--x 1", "enter")
        await until(pilot, lambda: "unknown setting HH" in screen_text(app))
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.focused, OptionList))
        assert [field(pilot, name).value for name in ("seed", "settings", "arguments", "path")] == [
            "7", "'HH=a b'", "--x 1", "",
        ]  # fmt: skip
        row = app.focused
        assert isinstance(row, OptionList) and row.highlighted == 2, "torch"
        await pilot.press("escape", "v")
        await until(pilot, lambda: isinstance(app.focused, OptionList) and app.focused is not row)
        assert field(pilot, "settings").value == "" and field(pilot, "seed").value == "0"


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (60, 20)])
async def test_all_devices_are_seen_at_once(size: tuple[int, int]) -> None:
    async with picker(size) as (pilot, _):
        await pilot.press("tab", "tab", "tab", "enter")
        await until(pilot, lambda: re.search("as written.*cpu.*cuda", screen_text(pilot.app), re.DOTALL) is not None)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("seed", "x", "the seed must be a whole number"),
        ("seed", "4294967296", "the seed must be a whole number"),
        ("settings", "H", "--set needs NAME=VALUE"),
        ("settings", "H='3", "the settings cannot be read"),
        ("path", "/no/such.py", "no such file"),
        ("path", "nunpy", "did you mean 'numpy'?"),
    ],
)
async def test_what_is_wrong_is_said_and_can_be_mended(name: str, text: str, problem: str) -> None:
    async with picker(size=(160, 50)) as (pilot, answers):
        field(pilot, name).value = text
        field(pilot, name).focus()
        await pilot.press("enter")
        await until(pilot, lambda: problem in screen_text(pilot.app))
        field(pilot, name).value = ""
        await until(pilot, lambda: problem not in screen_text(pilot.app))
        assert not answers


async def test_recent_scripts_come_first_and_a_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inner").mkdir()
    for name in ("mine.py", "inner/other.py", "notes.txt"):
        (tmp_path / name).write_text("w = 1.0\n")
    monkeypatch.chdir(tmp_path / "inner")
    gone = str(tmp_path / "gone.py")
    async with picker(recent=(str(tmp_path / "mine.py"), gone)) as (pilot, answers):
        text = screen_text(pilot.app)
        assert "mine.py" in text and "gone.py" not in text
        own, rule, first = text.splitlines()[4:7]
        assert "mine.py" in own and "─────" in rule and "numpy" in first
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(pilot.app.screen, FilesScreen) and "other.py" in screen_text(pilot.app))
        await pilot.press("backspace")
        await until(pilot, lambda: "mine.py" in screen_text(pilot.app))
        assert "notes.txt" not in screen_text(pilot.app)
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, TargetScreen))
        assert field(pilot, "path").value == str(tmp_path / "mine.py")
        await pilot.press("ctrl+o", "escape", "enter")
        await until(pilot, lambda: answers)
        assert answers == [Choice(str(tmp_path / "mine.py"), Options(seed=0))]


async def test_a_recent_script_is_opened_with_the_arguments_it_had(tmp_path: Path) -> None:
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text("loss = 1.0\n")
    one, two = str(tmp_path / "one.py"), str(tmp_path / "two.py")
    async with picker(recent=(one, two), arguments={two: "--name 'a b' 3"}) as (pilot, answers):
        await pilot.press("home", "down")
        await until(pilot, lambda: field(pilot, "arguments").value == "--name 'a b' 3")
        await pilot.press("up")
        await until(pilot, lambda: field(pilot, "arguments").value == "")
        await pilot.press("down", "enter")
        await until(pilot, lambda: answers)
        assert answers == [Choice(two, Options(seed=0, arguments=("--name", "a b", "3")))]


async def test_a_choice_is_opened_and_a_script_is_remembered(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text("w = 1.0\nrate = 0.1\nfor step in range(3):\n    loss = w * w\n    w = w - rate * 2 * w\n")
    config = tmp_path / "stepper.toml"
    session: Any = Standin()
    app = StepperApp(session, config)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.focused, OptionList))
        field(pilot, "path").value = str(script)
        field(pilot, "settings").value = "rate=0.5"
        field(pilot, "arguments").value = "--epochs 3"
        field(pilot, "path").focus()
        await pilot.press("enter")
        await until(pilot, lambda: app.scene.source.startswith("w = 1.0") and app.scene.event is not None)
        await settled(pilot)
        assert app.session.settings["rate"] == 0.5
        assert app.session.options.arguments == ("--epochs", "3")
    assert load(config)[0].recent == (str(script),)
    assert load(config)[0].arguments == {str(script): "--epochs 3"}


async def test_a_module_is_opened_and_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name, and as a module of the folder that it was found in: from another folder it is not offered."""
    (tmp_path / "lab").mkdir()
    script, config = tmp_path / "lab" / "train.py", tmp_path / "stepper.toml"
    script.write_text(
        "from . import rate\nw = 1.0\nfor step in range(3):\n    loss = w * w\n    w = w - rate.rate * w\n"
    )
    (tmp_path / "lab" / "rate.py").write_text("rate = 0.1\n")
    monkeypatch.chdir(tmp_path)
    session: Any = Standin()
    app = StepperApp(session, config)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.focused, OptionList))
        field(pilot, "path").value = "-m lab.trian"
        field(pilot, "path").focus()
        await pilot.press("enter")
        await until(pilot, lambda: "did you mean -m lab.train?" in screen_text(app))
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.focused, OptionList))
        assert field(pilot, "path").value == "-m lab.trian"
        field(pilot, "path").value = "-m lab.train"
        field(pilot, "arguments").value = "5"
        field(pilot, "path").focus()
        await pilot.press("enter")
        await until(pilot, lambda: app.scene.source.startswith("from . import") and app.scene.event is not None)
        await settled(pilot)
        assert " -m lab.train " in screen_text(app).splitlines()[0]
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.focused, OptionList))
        row = app.focused
        assert isinstance(row, OptionList) and row.highlighted == 0 and "-m lab.train" in screen_text(app)
    entry = f"{script} -m lab.train"
    assert load(config)[0].recent == (entry,) and load(config)[0].arguments == {entry: "5"}
    async with picker(recent=(entry, str(script)), arguments={entry: "5"}) as (pilot, answers):
        await pilot.press("home", "enter")
        await until(pilot, lambda: answers)
        assert answers == [Choice("-m lab.train", Options(seed=0, arguments=("5",)))]
    monkeypatch.chdir(tmp_path / "lab")
    async with picker(recent=(entry,)) as (pilot, _):
        assert "lab.train" not in screen_text(pilot.app)


@pytest.mark.parametrize("size", [(120, 50), (100, 50), (80, 60)])
async def test_descriptions_are_whole_beside_the_names(size: tuple[int, int]) -> None:
    async with picker(size=size) as (pilot, _):
        screen = pilot.app.screen
        assert "…" not in "".join(line for line in screen_text(pilot.app).splitlines() if "relu-class" in line)
        lines = [strip.text.rstrip() for strip in _lines(screen.query_one(OptionList))]
        words = " ".join(line[19:].strip() for line in lines)
        for variant in VARIANTS.values():
            assert variant.description in words
        assert all(line[:19].strip() == "" or line[17:19] == "  " for line in lines if line)


def _lines(options: OptionList) -> list[Any]:
    """All lines of the list, scrolled through."""
    found = []
    for top in range(int(options.max_scroll_y) + 1):
        options.scroll_to(y=top, animate=False, force=True, immediate=True)
        found.append(options.render_line(0))
    return found + [options.render_line(y) for y in range(1, options.size.height)]


async def test_a_folder_is_named_as_it_is_in_the_file_picker(tmp_path: Path) -> None:
    """Brackets are no markup, and a terminal's codes are left out."""
    folder = tmp_path / "runs [bold] \x1b[31mred"
    folder.mkdir()
    (folder / "[bold]a\x1b[2J.py").write_text("")
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        app.push_screen(FilesScreen(folder))
        await until(pilot, lambda: "[bold]a.py" in screen_text(app), "the file")
        assert "runs [bold] red" in screen_text(app)
        assert "\x1b" not in screen_text(app)


async def test_a_long_file_name_leaves_room_for_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "where"
    folder.mkdir()
    script = folder / f"{'a_long_name_' * 8}.py"
    script.write_text("")
    async with picker(recent=(str(script),)) as (pilot, _):
        lines = screen_text(pilot.app).splitlines()
        start = next(line.index(str(folder)[:8]) for line in lines if str(folder)[:8] in line)
        assert str(folder) in "".join(line[start:].strip(" │") for line in lines)
        assert script.name in "".join(line[:start].strip(" │") for line in lines)


@pytest.mark.parametrize("typed", ["mine.py", "./mine.py", "inner/../mine.py", "~/mine.py", "{folder}//mine.py"])
async def test_a_script_is_the_same_however_its_path_is_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "mine.py").write_text("w = 1.0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    async with picker() as (pilot, answers):
        field(pilot, "path").value = typed.format(folder=tmp_path)
        field(pilot, "path").focus()
        await pilot.press("enter")
        await until(pilot, lambda: answers)
        assert answers == [Choice(str(tmp_path / "mine.py"), Options(seed=0))]


async def test_recent_scripts_that_are_one_are_remembered_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script, config = tmp_path / "mine.py", tmp_path / "stepper.toml"
    script.write_text("w = 1.0\nfor step in range(3):\n    loss = w * w\n    w = w - 0.2 * w\n")
    monkeypatch.chdir(tmp_path)
    twice = (f"{tmp_path}/./mine.py", f"{tmp_path}/gone.py", str(script))
    save(config, Preferences(recent=twice, arguments={twice[0]: "5", twice[2]: "6"}))
    app = StepperApp(Session("./mine.py"), config)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        assert app.recent == (str(script), f"{tmp_path}/gone.py") and app.arguments == {}
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.focused, OptionList))
        row = app.focused
        assert isinstance(row, OptionList) and row.highlighted == 0
        assert sum("mine.py" in line for line in screen_text(app).splitlines()[1:]) == 1
    assert load(config)[0].recent == app.recent


def test_a_link_into_another_folder_is_followed_where_the_short_path_would_be_another_file(tmp_path: Path) -> None:
    (tmp_path / "far" / "deep").mkdir(parents=True)
    (tmp_path / "far" / "mine.py").write_text("w = 1.0\n")
    (tmp_path / "mine.py").write_text("w = 2.0\n")
    (tmp_path / "link").symlink_to(tmp_path / "far" / "deep")
    assert plain(f"{tmp_path}/link/../mine.py") == str(tmp_path / "far" / "mine.py")
    assert plain(f"{tmp_path}/link/../gone.py") == f"{tmp_path}/gone.py"


async def test_what_an_empty_field_says_is_not_cut_in_a_small_terminal() -> None:
    async with picker(size=(80, 24)) as (pilot, _):
        field_width = field(pilot, "path").content_size.width
        assert len(str(field(pilot, "path").placeholder)) <= field_width
        assert "ctrl+o finds a file" in screen_text(pilot.app)


@pytest.mark.parametrize(("size", "cut"), [((80, 24), True), ((120, 50), False)])
async def test_settings_that_are_cut_in_their_field_stand_below_it(size: tuple[int, int], cut: bool) -> None:
    known = "N=64 D_in=1000 H=100 D_out=10 learning_rate=1e-6 iterations=500"
    async with picker(size) as (pilot, _):
        below = pilot.app.screen.query_one("#known")
        await until(pilot, lambda: field(pilot, "settings").placeholder.endswith("…" if cut else "iterations=500"))
        assert field(pilot, "settings").placeholder.removesuffix("…") in known and not below.display
        field(pilot, "settings").focus()
        await until(pilot, lambda: below.display is cut)
        await pilot.press(*"N=8")
        await until(pilot, lambda: below.display, "what can be set, while it is typed")
        assert "iterations=500" in screen_text(pilot.app)
        field(pilot, "seed").focus()
        await until(pilot, lambda: not below.display)


async def test_another_loop_of_the_script_is_named_where_they_are_listed(tmp_path: Path) -> None:
    script = tmp_path / "two.py"
    loop = "{0} = 0.0\nfor t in range({1}):\n    loss = ({0} - 1.0) ** 2\n    {0} -= 0.2 * ({0} - 1.0)\n"
    script.write_text(loop.format("w", 3) + loop.format("v", 5))
    app = app_of(Session(str(script), Options()))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        assert "line 2 (for t in range(3)) is taken" in screen_text(app)
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.focused, OptionList))
        field(pilot, "named-loop").focus()
        await until(pilot, lambda: "6  for t in range(5)" in screen_text(app))
        await pilot.press("6", "tab", *"v * 2", "enter")
        await until(pilot, lambda: app.scene.total == 5 and app.scene.event is not None and not app.scene.busy)
        assert app.session.options == Options(loop="6", loss="v * 2") and "is taken" not in screen_text(app)
        assert app.scene.record is not None and app.scene.record.loss == 0.4
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.focused, OptionList))
        assert field(pilot, "named-loop").value == "6" and field(pilot, "named-loss").value == "v * 2"
