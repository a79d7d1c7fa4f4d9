"""The pictures of the README show the app as it is now.

Each is made anew, and what is drawn is compared: every word and its line. Figures are left out, since the last bits of
a sum differ from machine to machine, and times from run to run.
"""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from stepper.tui.screenshots import SHOTS, Shot, take

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "screenshots"
ADVICE = "after a wanted change: python -m stepper.tui.screenshots, and look at the pictures"


def drawn(picture: Path) -> dict[int, str]:
    """The text of each line of a picture, by its height in it."""
    lines: dict[int, list[tuple[float, str]]] = {}
    source = picture.read_text(encoding="utf-8")
    for column, row, text in re.findall(r'<text [^>]*?x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>', source):
        lines.setdefault(round(float(row)), []).append((float(column), html.unescape(text)))
    return {row: "".join(text for _, text in sorted(pieces)) for row, pieces in lines.items()}


def words(line: str) -> list[str]:
    """What is said on a line: its words, without figures, units, and the cells of pictures."""
    return re.findall(r"(?<![\w.])[A-Za-z_]{2,}[\w.]*", line)


def file_of(shot: Shot) -> str:
    return f"{shot.name or shot.target}.svg"


@pytest.mark.parametrize("shot", SHOTS, ids=file_of)
async def test_a_picture_shows_the_app_as_it_is(shot: Shot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    now, then = drawn(await take(shot, tmp_path)), drawn(FOLDER / file_of(shot))
    assert len(then) > 20, "the picture's text was found"
    assert now.keys() == then.keys(), ADVICE
    for row, line in now.items():
        assert words(line) == words(then[row]), ADVICE


def test_the_readme_uses_the_pictures_and_there_are_no_others() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    used = set(re.findall(r"\]\(screenshots/([\w-]+\.svg)\)", readme))
    made = {file_of(shot) for shot in SHOTS}
    assert {picture.name for picture in FOLDER.iterdir()} == made
    assert used <= made
    assert {"opening.svg", "dead-units.svg", "shapes.svg", "gone-to-nan.svg", "small-terminal.svg"} <= used
