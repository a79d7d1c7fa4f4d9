"""The monkey drives the real app, and tells of one that fails."""

import sys
from itertools import islice

import pytest

from tests.monkey.moves import SIZES, moves
from tests.monkey.play import Trouble, play

pytestmark = pytest.mark.start("anew")


PYTHON = [sys.executable, "-X", "faulthandler"]
FAILS = """
from textual.app import App
from textual.widgets import Label
class Failing(App):
    def compose(self):
        yield Label("here")
    def on_key(self):
        raise ValueError("one key too many")
app = Failing()
app.run()
raise SystemExit(app.return_code)
"""
STAYS = """
import signal, threading
for deaf in (signal.SIGINT, signal.SIGTSTP):
    signal.signal(deaf, signal.SIG_IGN)
print("here", flush=True)
threading.Event().wait()
"""


def test_a_seeds_moves_are_always_the_same() -> None:
    once = list(islice(moves(3), 200))
    assert once == list(islice(moves(3), 200))
    assert once != list(islice(moves(4), 200))
    assert once[0].size in SIZES


def test_it_drives_the_app_which_quits_after_it() -> None:
    assert play([*PYTHON, "-m", "stepper", "and-gate"], seed=1, seconds=2.0) > 1


def test_an_app_that_fails_is_told_of_with_its_traceback_and_the_last_moves() -> None:
    with pytest.raises(Trouble, match="ended with exit code 1\nlast: ") as trouble:
        play([*PYTHON, "-c", FAILS], seed=2, seconds=60.0)
    assert "one key too many" in str(trouble.value)
    assert "Traceback" in str(trouble.value)


def test_an_app_that_does_not_quit_is_told_of_with_where_it_stands() -> None:
    with pytest.raises(Trouble, match="does not quit") as trouble:
        play([*PYTHON, "-c", STAYS], seed=2, seconds=0.5, patience=0.5)
    assert "here" in str(trouble.value)
    assert "line 6 in <module>" in str(trouble.value)
