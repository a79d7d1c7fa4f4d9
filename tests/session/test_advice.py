"""A script that wants the keyboard is told what to do instead; no other failure is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stepper.session.advice import advice, as_module


def failed(script: Path, text: str) -> str:
    """The traceback that plain Python prints for a script without a keyboard."""
    script.write_text(text, encoding="utf-8")
    run = subprocess.run([sys.executable, str(script)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert run.returncode == 1
    return run.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\nname = input('name? ')\n", "line 2 asks for input()"),
        ("def ask():\n    return input()\n\n\nask()\n", "line 2 asks for input()"),
        ("x = 1\nbreakpoint()\ny = 2\n", "starts pdb"),
        ("import sys\nn = int(sys.stdin.readline())\n", "line 2 reads sys.stdin, which has nothing in the app: give"),
        ("import sys\nlines = list(sys.stdin)\nlines[0]\n", "line 2 reads sys.stdin"),
        ("import sys\nlines = sys.stdin.buffer.read()\nlines[0]\n", "line 2 reads sys.stdin"),
        ("import sys\n1 / 0\nlines = list(sys.stdin)\n", ""),
        ("import sys\nif sys.stdin.isatty():\n    pass\nlines = 'sys.stdin'\n1 / 0\n", ""),
        ("raise EOFError('short file')\n", ""),
        ("1 / 0\n", ""),
    ],
)
def test_what_wants_the_keyboard_is_advised(text: str, words: str, tmp_path: Path) -> None:
    script = tmp_path / "asks.py"
    said = advice(failed(script, text), [str(script)], {str(script): text})
    assert words in said and bool(said) == bool(words)


def test_the_advice_names_the_file_that_asks(tmp_path: Path) -> None:
    asking, script = tmp_path / "asking.py", tmp_path / "main.py"
    asking.write_text("def ask():\n    return input()\n", encoding="utf-8")
    traceback = failed(script, "import asking\n\nasking.ask()\n")
    assert advice(traceback, [str(script), str(asking)]).startswith("asking.py line 2 asks for input()")
    assert advice(traceback, [str(asking), str(script)]).startswith("line 2 asks for input()")
    assert advice(traceback, [str(script)]).startswith("line 3 asks for input()")


@pytest.mark.parametrize(
    ("path", "imported", "words"),
    [
        ("lab/train.py", "lab.nets", "lab is found if the script runs as a module: stepper -m lab.train"),
        (
            "scripts/deep/train.py",
            "nets",
            "nets is found if the script runs as a module: stepper -m scripts.deep.train",
        ),
        ("lab/train.py", "of_nowhere", ""),
        ("train.py", "lab.of_nowhere", ""),
        ("v1.2/train.py", "nets", ""),
    ],
)
def test_a_script_whose_imports_need_the_folder_around_it_is_named_as_a_module(
    path: str, imported: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    for name in ("lab/nets.py", "nets.py"):
        (tmp_path / name).write_text("", encoding="utf-8")
    traceback = failed(tmp_path / path, f"import {imported}\n")
    assert traceback.splitlines()[-1].startswith("ModuleNotFoundError")
    said = as_module(traceback, str(tmp_path / path))
    assert said == (f"{words}, started in {tmp_path}" if words else "")
    monkeypatch.chdir(tmp_path)
    assert as_module(traceback, path) == words
