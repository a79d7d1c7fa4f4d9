"""The person's own keys: what they may be called, what is refused, and that they hold wherever keys are shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stepper.tui.app import StepperApp
from stepper.tui.keymap import Keymap, keymap_of
from tests.tui.screen import ready, screen_text, settled, until
from tests.tui.standin import Standin


def test_keys_are_given_by_name_in_quotes_or_as_tables() -> None:
    keymap, mistakes = keymap_of(
        {"step.next": "k", "step": {"previous": ["K", "ctrl+F10"]}, "help": "~", "go": "ctrl++"}
    )
    assert not mistakes
    assert keymap.changed == {
        "step.next": ("k",), "step.previous": ("K", "ctrl+f10"), "help": ("tilde",), "go": ("ctrl+plus",),
    }  # fmt: skip
    assert keymap.shown("help") == "~" and keymap.shown("step.into") == "s"
    assert Keymap().for_textual == {}


def test_two_actions_may_change_their_keys() -> None:
    assert keymap_of({"step.next": "N", "step.previous": "n"})[0].shown("step.previous") == "n"


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"step.nxt": "j"}, "no action step.nxt; did you mean step.next?"),
        ({"step.next": 3}, "step.next must be a key"),
        ({"step.next": []}, "step.next must be a key"),
        ({"step.next": ""}, "step.next must be a key"),
        ({"step.next": "contrl+j"}, "there is no key contrl+j"),
        ({"step.next": "hello"}, "there is no key hello"),
        ({"step.next": "s"}, "gives s to both step.next and step.into"),
        ({"viewer.table": "n"}, "gives n to both step.next and viewer.table"),
        ({"step.next": "t"}, "gives t to both step.next and viewer.table"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(table: dict[str, object], complaint: str) -> None:
    keymap, mistakes = keymap_of({**table, "help": "~"})
    assert len(mistakes) == 1 and mistakes[0].startswith("[keys]")
    assert complaint in mistakes[0] and "\n" not in mistakes[0]
    assert keymap.changed == {"help": ("tilde",)}, "the others hold"


def test_every_mistake_is_told() -> None:
    keymap, mistakes = keymap_of({"step.nxt": "j", "go": "G", "quit": "hello", "step.next": "s", "step.out": "i"})
    assert keymap.changed == {"go": ("G",)}
    told = " ".join(mistakes)
    assert len(mistakes) == 4
    for part in ("step.nxt", "no key hello", "gives s to both", "gives i to both"):
        assert part in told


async def test_keys_of_the_persons_own_hold_and_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "stepper.toml"
    path.write_text('[keys]\n"step.next" = ["k", "f10"]  # as in vi\npanel.3 = "G"\nviewer.table = "T"\n')
    session: Any = Standin()
    app = StepperApp(session, path)
    async with app.run_test(size=(200, 50)) as pilot:
        await ready(pilot)
        assert not app.misread
        assert " k next" in screen_text(app)
        await pilot.press("n")
        await settled(pilot)
        assert app.scene.statement == 1, "n does nothing any more"
        await pilot.press("k", "f10")
        await settled(pilot)
        assert app.scene.statement == 3
        await pilot.press("8", "T")
        await settled(pilot)
        assert "G Gate" in screen_text(app), "the tabs of a shared place name their keys"
        await pilot.press("question_mark")
        await until(pilot, lambda: "k or F10" in screen_text(app))
        await pilot.press("escape", "l")
    assert "# as in vi" in path.read_text() and 'loss = "log"' in path.read_text()


async def test_a_wrong_table_is_told_in_one_line_and_the_rest_holds(tmp_path: Path) -> None:
    path = tmp_path / "stepper.toml"
    path.write_text('theme = "nord"\n[keys]\n"step.next" = "s"\nquit = "hello"\ngo = "G"\n')
    session: Any = Standin()
    app = StepperApp(session, path)
    async with app.run_test(size=(200, 50)) as pilot:
        await ready(pilot)
        await until(pilot, lambda: "[keys] gives s to both" in screen_text(app))
        assert "there is no key hello" in screen_text(app)
        assert app.keymap.shown("go") == "G"
        assert app.theme == "nord"
        await pilot.press("n", "l")
        await settled(pilot)
        assert app.scene.statement == 2
    assert '"step.next" = "s"' in path.read_text()
