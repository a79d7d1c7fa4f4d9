"""Lines of the source that are longer than the panel is wide."""

from __future__ import annotations

from pathlib import Path

from rich.cells import cell_len

from stepper.session import Options, Session
from tests.tui.screen import app_of, ready, screen_text, settled

LITTLE = "value = np.abs(w).sum(keepdims=True) + 1"
LONG = "w = w - 0.1 * (w - np.array([1.0, 2.0, 3.0])) * np.array([1.0, 1.0, 1.0]) * np.array([1.0, 1.0, 1.0]) * 1.0"
SCRIPT = f"""
import numpy as np
w = np.zeros(3)
for i in range(5):
    {LITTLE}
    {LONG}
    学習の結果 = np.sum(w)  # 学習の結果、学習の結果、学習の結果、学習の結果、学習の結果、学習の結果、学習の結果
    print("学習の結果、学習の結果、学習の結果、学習の結果、学習の結果、学習の結果、学習の結果", 学習の結果)
"""


async def test_the_selected_line_can_be_read_whole(tmp_path: Path) -> None:
    script = tmp_path / "long.py"
    script.write_text(SCRIPT)
    app = app_of(Session(str(script), Options()))
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        assert LITTLE in screen_text(app)
        await pilot.press("n")
        await settled(pilot)
        assert "sum(keepdims=True) +… 1 │" in screen_text(app), "it gives room to what it computed"
        assert f"─ {LITTLE} ─╯" in screen_text(app)
        await pilot.press("n")
        await settled(pilot)
        source = app.desk.source
        drawn = ["".join(part.text for part in source.render_line(y)).strip() for y in range(source.inner.height)]
        head = next(at for at, line in enumerate(drawn) if line.startswith("── line 6 "))
        assert " ".join(" ".join(drawn[head + 1 :]).split()) == LONG
        assert not str(source.border_subtitle)
        await pilot.press("1", "up", "up")
        await settled(pilot)
        assert not any("── line" in "".join(part.text for part in source.render_line(y)) for y in range(20))
        await pilot.press("down", "down")
        await settled(pilot)
        assert "── line 6 " in screen_text(app)
        assert LONG in source.copied()


async def test_lines_with_wide_characters_end_where_others_do(tmp_path: Path) -> None:
    script = tmp_path / "wide.py"
    script.write_text(SCRIPT)
    app = app_of(Session(str(script), Options()))
    async with app.run_test(size=(60, 30)) as pilot:
        await ready(pilot)
        for key, panel in (("6", app.desk.record), ("1", app.desk.source)):
            await pilot.press(key, "end")
            await settled(pilot)
            drawn = ["".join(text for text, _ in panel.row(index).pieces) for index in range(panel._count)]
            assert any("学習" in line for line in drawn)
            assert all(cell_len(line) <= panel.inner.width for line in drawn), panel.TITLE
