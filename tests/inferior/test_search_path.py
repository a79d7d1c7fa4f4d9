"""Places that a script adds to those in which modules are looked for."""

import ast
import os
from pathlib import Path

import pytest

from stepper.inferior.search_path import added

SCRIPT = "/project/tools/train.py"
HEAD = """
import os, sys
import os.path as osp
from os.path import dirname, abspath
from pathlib import Path
import pathlib
ROOT = Path(__file__).resolve().parent.parent
here = dirname(abspath(__file__))
"""


def places(text: str) -> tuple[list[str], list[str]]:
    return added(ast.parse(HEAD + text), SCRIPT)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'src')", "/project/tools/../src"),
        ("os.path.join(os.path.dirname(__file__), os.pardir)", "/project/tools/.."),
        ("osp.dirname(osp.dirname(osp.realpath(__file__)))", "/project"),
        ("here + '/nets'", "/project/tools/nets"),
        ("f'{here}/nets'", "/project/tools/nets"),
        ("str(ROOT / 'src')", "/project/src"),
        ("str(Path(__file__).parents[1])", "/project"),
        ("pathlib.Path(__file__).parent.joinpath('lib').as_posix()", "/project/tools/lib"),
        ("'/elsewhere'", "/elsewhere"),
        ("'../src'", os.path.join(os.getcwd(), "../src")),
    ],
)
def test_a_place_is_worked_out_of_the_scripts_own(place: str, expected: str) -> None:
    assert places(f"sys.path.append({place})") == ([], [expected])


@pytest.mark.parametrize(
    "place", ["args.root", "os.environ['ROOT']", "ROOT", "open(__file__).read()", "'a' / 'b'", "here()", "None"]
)
def test_what_is_not_known_before_the_run_is_left(place: str) -> None:
    """`ROOT` is no string: the import system passes such an entry over."""
    assert places(f"sys.path.append({place})") == ([], [])


def test_places_stand_in_the_order_that_python_looks_through_them() -> None:
    text = (
        "sys.path.insert(0, '/a')\nsys.path.append('/c')\nif True:\n    sys.path.insert(0, '/b')\nsys.path += ['/d']\n"
    )
    assert places(text + "sys.path.extend(['/e', '/f'])\nother.path.append('/g')") == (
        ["/b", "/a"],
        ["/c", "/d", "/e", "/f"],
    )


def test_names_that_lead_in_circles_give_nothing() -> None:
    assert places("a = b\nb = a\nsys.path.append(a)") == ([], [])


def test_home_folders_are_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert places("sys.path.append(os.path.expanduser('~/nets'))")[1] == [str(tmp_path / "nets")]
