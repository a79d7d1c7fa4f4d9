"""The script's output, by the statement that printed it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from stepper.record import Record
from stepper.session import Options, Session, State
from tests.session.support import LONGER
from tests.tui.screen import app_of, ready, screen_text, settled, text_of, until
from tests.tui.standin import Standin

PRINTED = "made 8 rows\nfirst\nsecond\nthird\n"


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_each_line_is_told_with_the_line_that_printed_it(size: tuple[int, int]) -> None:
    def spans(record: Record) -> None:
        starts = {3: (12, 31), 4: (18, 25)}
        for event in record.events:
            event.output = starts.get(event.id, (12, 12) if event.id < 3 else (31, 31))
        record.events[4].parent = 3

    class Printing(Standin):
        def output(self, start: int = 0, end: int | None = None) -> str:
            return PRINTED[start:end]

    app = app_of(Printing(after=spans))
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        await pilot.press("7")
        await settled(pilot)
        lines = [line.split() for line in text_of(app.desk.output).splitlines()]
        assert lines == [
            ["│", "made", "8", "rows"], ["17", "┆", "first"], ["18", "┆", "second"], ["17", "┆", "third"],
        ]  # fmt: skip
        if size == (120, 40):
            assert "─ Output · 3 lines ahead  2 Tensors ─" in screen_text(app), (
                "the cursor stands before all that was printed"
            )
        await pilot.press("n", "n", "n", "n")
        await settled(pilot)
        assert "▶18 │ second" in text_of(app.desk.output)
        assert "┆" not in text_of(app.desk.output) and "ahead" not in str(app.desk.output.border_title)
        await pilot.press("I")
        await settled(pilot)
        assert "┆" not in text_of(app.desk.output), "what was printed before the iteration is over"
        await pilot.press("i", "n", "n", "n")
        await settled(pilot)
        await pilot.click("#output", offset=(8, 2))
        await settled(pilot)
        assert app.scene.event is not None
        assert app.scene.event.id == 3, "a click goes to the statement"


async def test_what_is_printed_behind_the_last_statement_of_a_run_is_shown() -> None:
    printed = PRINTED + "goodbye\n"

    def spans(record: Record) -> None:
        for event in record.events:
            event.output = (12, 12) if event.id < 4 else (12, 31)

    class Printing(Standin):
        def output(self, start: int = 0, end: int | None = None) -> str:
            return printed[start:end]

    session = Printing(after=spans)
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("7")
        await settled(pilot)
        assert "goodbye" not in text_of(app.desk.output), "the run is not over"
        session.tell(state=State.ENDED)
        await settled(pilot)
        assert text_of(app.desk.output).splitlines()[-1].split() == ["┆", "goodbye"]
        await pilot.press("6", "end", "7")
        await settled(pilot)
        assert text_of(app.desk.output).splitlines()[-1].split() == ["│", "goodbye"]
        session.tell(traceback="Traceback (most recent call last):\nOSError")
        await settled(pilot)
        assert "goodbye" not in text_of(app.desk.output), "why it failed stands in its traceback"


async def test_a_quiet_iteration_says_so() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("7")
        await settled(pilot)
        assert "Nothing was printed" in text_of(app.desk.output)


async def test_an_iteration_that_printed_nothing_says_so_below_what_was_printed_before() -> None:
    def spans(record: Record) -> None:
        for event in record.events:
            event.output = (12, 12)

    class Printing(Standin):
        def output(self, start: int = 0, end: int | None = None) -> str:
            return PRINTED[start:end]

    app = app_of(Printing(after=spans))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("7")
        await settled(pilot)
        lines = text_of(app.desk.output).splitlines()
        assert lines[0].endswith("made 8 rows") and lines[-1] == "Nothing was printed in this iteration."


async def test_slash_in_output_looks_in_what_was_printed() -> None:
    def spans(record: Record) -> None:
        starts = {3: (12, 25), 4: (25, 31)}
        for event in record.events:
            event.output = starts.get(event.id, (12, 12) if event.id < 3 else (31, 31))

    class Printing(Standin):
        def output(self, start: int = 0, end: int | None = None) -> str:
            return PRINTED[start:end]

    app = app_of(Printing(after=spans))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)

        async def look_for(text: str) -> list[str]:
            """What is marked as found."""
            await pilot.press("slash", *text, "enter")
            await settled(pilot)
            rows = [app.desk.output.row(index) for index in range(app.desk.output.virtual_size.height)]
            return [
                "".join(each for each, _ in row.pieces) for row in rows if any(part == "span" for _, part in row.pieces)
            ]

        await pilot.press("7")
        assert await look_for("SECOND") == ["▶17 │ second"], "it is the second line that the statement printed"
        assert app.scene.event is not None and app.scene.event.id == 3
        assert await look_for("ir") == ["▶18 │ third"]
        assert app.scene.event.id == 4
        assert await look_for("") == ["▶17 │ first"], "enter alone looks for the same again, from the beginning"
        assert app.scene.event.id == 3
        assert await look_for("made") == ["    │ made 8 rows"], "printed before the iteration: only shown"
        assert app.scene.event.id == 3
        await look_for("grad_w1")
        assert "Nothing that was printed up to the end of this iteration has grad_w1 in it." in screen_text(app)


async def test_a_line_that_is_cut_says_so_and_what_was_found_in_it_is_seen() -> None:
    words = " ".join(f"word{number}" for number in range(40))

    def spans(record: Record) -> None:
        for event in record.events:
            event.output = (0, len(words) + 1) if event.id == 3 else (0, 0) if event.id < 3 else (len(words) + 1,) * 2

    class Printing(Standin):
        def output(self, start: int = 0, end: int | None = None) -> str:
            return f"{words}\n"[start:end]

    app = app_of(Printing(after=spans))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("7")
        await settled(pilot)
        output = app.desk.output
        shown = text_of(output)
        assert shown.startswith(" 17 ┆ word0 word1 ") and shown.endswith("…") and len(shown) == output.inner.width
        assert output.copied().endswith("word39"), "the clipboard has all of it"
        await pilot.press("slash", *"word30", "enter")
        await settled(pilot)
        shown = text_of(output)
        assert shown.startswith("▶17 │ …") and "word30 " in shown and shown.endswith("…")
        assert ("word30", "span") in output.row(0).pieces
        await pilot.press("slash", *"word38", "enter")
        await settled(pilot)
        assert text_of(output).endswith(" word38 word39")


async def test_of_very_much_that_was_printed_the_ends_are_shown_and_how_much_is_left_out_is_said() -> None:
    texts = ["ä" * 50_000 + "\nend of it\n", *(f"{number:06} {'b' * 39_990}\n" for number in range(6)), "last\n"]
    texts[0] = "a" + texts[0]  # what is left out begins and ends within a character
    parts = [text.encode() for text in texts]
    edges = [sum(map(len, parts[:index])) for index in range(len(parts) + 1)]

    def spans(record: Record) -> None:
        for event in record.events:
            part = min(max(event.id - 1, 0), len(parts))
            event.output = (edges[part], edges[min(part + 1, len(parts))]) if event.id else (0, 0)

    class Printing(Standin):
        def output(self, start: int = 0, end: int | None = None) -> str:
            return b"".join(parts)[start:end].decode("utf-8", "replace")

    app = app_of(Printing(after=spans))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("7")
        await settled(pilot)
        assert "\ufffd" not in app.desk.output.copied()
        lines = text_of(app.desk.output).splitlines()
        assert lines[0].split()[2].startswith("aäää")
        assert lines[1].split(" ", 3)[3] == "… 60,012 bytes are left out here", lines[1]
        assert lines[3].endswith("┆ end of it"), "the end of what the statement printed is there"
        assert lines[4].split()[2] == "000000" and lines[4].endswith("…")
        assert lines[5].endswith("… 119,994 bytes are left out here"), lines[5]
        assert [line.split()[2] for line in lines[6:]] == ["000004", "000005", "last"], "the last lines matter most"
        ahead = sum("┆" in line and "left out" not in line for line in lines)
        assert f"over {ahead} lines ahead" in screen_text(app), "what is said here was not printed"
        for text in ("000002", "bytes"):
            await pilot.press("slash", *text, "enter")
            await settled(pilot)
            assert f"Nothing of what is shown here has {text} in it; some is left out." in screen_text(app)


async def test_where_output_is_shown_for_the_first_time_the_cursors_line_is_in_view() -> None:
    text = "".join(f"epoch {number:03}\n" for number in range(500))

    def spans(record: Record) -> None:
        for event in record.events:
            event.output = (4990, 5000) if event.id == 4 else (5000, 5000) if event.id > 4 else (4990, 4990)

    class Printed(Standin):
        def output(self, start: int = 0, end: int | None = None) -> str:
            return text[start:end]

    app = app_of(Printed(after=spans))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        assert "epoch" not in screen_text(app)
        await pilot.press("7")
        await settled(pilot)
        assert "epoch 499" in screen_text(app)


async def test_what_a_script_prints_that_runs_on_is_shown_as_it_comes() -> None:
    def spans(record: Record) -> None:
        for event in record.events:
            event.output = (0, 6) if event.id == 4 else (6, 6) if event.id > 4 else (0, 0)

    class Printing(Standin):
        text = ""

        def output(self, start: int = 0, end: int | None = None) -> str:
            return self.text[start:end]

    session = Printing(after=spans)
    app = app_of(session)
    output = app.desk.output
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        session.text = "first\n"
        await pilot.press("7", "n")
        await settled(pilot)
        assert [line.split() for line in text_of(output).splitlines()] == [["18", "┆", "first"]]
        session.text += "".join(f"epoch {number:03}\n" for number in range(500))
        session.tell(state=State.RUNNING, losses=[1.0] * 6)
        await settled(pilot)
        lines = [line.split(maxsplit=1) for line in text_of(output).splitlines()]
        assert lines[:2] == [["18", "┆ first"], ["│", "… 1,000 bytes are left out here"]]
        assert lines[2:] == [["│", f"epoch {number:03}"] for number in range(101, 500)]
        assert "Output · as it comes" in screen_text(app) and "epoch 499" in screen_text(app), "its end is followed"
        assert "The values shown are still those of iteration 0." in screen_text(app)
        session.text += "epoch 500\n"
        app.look_around()  # as it does once in a while: nothing tells of what is printed
        await settled(pilot)
        assert "epoch 500" in screen_text(app)
        await pilot.press("pageup")
        session.text += "epoch 501\n"
        app.look_around()
        await settled(pilot)
        assert "epoch 500" not in screen_text(app), "what was scrolled to stays in view"
        session.text += "".join(f"\r{number:5}/2000" for number in range(2000))
        app.look_around()
        await settled(pilot)
        assert text_of(output).splitlines()[-1].split() == ["│", "1999/2000"], "a progress bar has no line's end"
        session.tell(state=State.STOPPED)
        await settled(pilot)
        assert text_of(output).split() == ["18", "┆", "first"]
        assert "The values shown" not in screen_text(app)


async def test_of_a_replayed_iteration_what_the_replay_printed_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("gate")
    path = tmp_path / "longer.py"
    held = '    if i == 120:\n        open("gate").read()\n'
    path.write_text(LONGER.replace("range(9)", "range(130)").replace("    loss", f"{held}    loss"))
    app = app_of(Session(str(path), Options()))
    output = app.desk.output
    first, second = "o" * 5, "o" * 10

    def lines() -> list[str]:
        return [re.split("[│┆] ", line)[1] for line in output.copied().splitlines()]

    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("7", "g", *"100", "enter", "g", *"40", "enter")
        await settled(pilot)
        there = [f"start {second}", *(f"step {i} {second}" for i in range(41))]
        assert app.scene.iteration == 40 and lines() == there, output.copied()
        await pilot.press("slash", *"step 40", "enter")
        await settled(pilot)
        assert app.scene.event is not None and app.scene.event.text.startswith("print(")
        await pilot.press("c")

        def came() -> bool:
            app.look_around()
            return "step 119" in output.copied()

        await until(pilot, came, "what the script goes on to print")
        assert lines() == [*there, *(f"step {i} {first}" for i in range(101, 120))], output.copied()
        with open("gate", "w") as gate:
            gate.write("open")
        await until(pilot, lambda: app.scene.state == "ended", "the end")
        await settled(pilot)
        run = [f"start {first}", *(f"step {i} {first}" for i in range(130)), f"done {first}"]
        assert lines() == run, output.copied()
