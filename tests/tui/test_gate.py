"""The gate: four maps under one cursor and one scroll, its units, and for how long they have been dead."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import numpy as np
import pytest

from stepper.record import Gate, Record, Units, Value
from stepper.tui.app import StepperApp
from stepper.tui.names import Names
from stepper.tui.panels.gate_lines import heading
from tests.tui.recorded import summary
from tests.tui.screen import app_of, ready, screen_text, settled, text_of, until
from tests.tui.standin import Standin

WIDE = "64, 20, 100, 10"


async def press(pilot: Any, *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await settled(pilot)


def lines(app: StepperApp) -> list[str]:
    return text_of(app.desk.gate).splitlines()


def arrays(session: Standin, gate: Gate) -> dict[str, Any]:
    values = {"h": gate.h, "mask": gate.mask, "before": gate.grad_before, "after": gate.grad_after}
    return {name: session._recorder.copies[value.copy] for name, value in values.items() if value and value.copy}


def readings(session: Standin, index: tuple[int, ...], iteration: int = 0) -> list[str]:
    """What the cursor must read there."""
    found = {name: array[index] for name, array in arrays(session, session.records[iteration].gates[0]).items()}
    where = ", ".join(map(str, index))
    return [
        f"[{where}] h = {float(found['h'])!r}  {'× blocked' if found['mask'] else 'active'}",
        f"grad before {float(found['before'])!r} → after {float(found['after'])!r}",
    ]


async def test_the_counts_and_the_mask_are_told() -> None:
    session = Standin()
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        gate = session.records[0].gates[0]
        text = text_of(app.desk.gate)
        assert f"active {gate.active}" in text
        assert f"blocked {gate.blocked} (57.5%)" in text
        maps = "\n".join(lines(app)[5:])
        assert maps.count("×") == 3 * gate.blocked, "in the mask, and over both gradients"


async def test_a_gate_of_few_entries_without_gradients_is_drawn() -> None:
    def forget(record: Record) -> None:
        record.gates[0].grad_before = record.gates[0].grad_after = None

    app = app_of(Standin(after=forget))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        assert "no gradient was seen" in text_of(app.desk.gate)
        assert "mask" in text_of(app.desk.gate) and "×" in text_of(app.desk.gate)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_the_cursor_reads_all_four_exactly(size: tuple[int, int]) -> None:
    session = Standin(sizes=WIDE)
    app = app_of(session)
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        await press(pilot, "3", "z", "down", "down", "right")
        view = app.desk.gate.view
        assert view is not None
        assert view.index == (2, 1)
        assert all(text in text_of(app.desk.gate) for text in readings(session, view.index))
        await press(pilot, "z")
        assert all(text in text_of(app.desk.gate) for text in readings(session, view.index)), "also where it is pooled"
        mask = arrays(session, session.records[0].gates[0])["mask"]
        active = int((~mask[:, 1]).sum())
        assert f"unit 1: active in {active} of 64 entries" in text_of(app.desk.gate)


async def test_every_key_of_the_gate() -> None:
    def twice(record: Record) -> None:
        record.gates.append(record.gates[0])

    session = Standin(sizes=WIDE, after=twice)
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "3")
        assert "Gate 2 of 2" in screen_text(app) or "Gate 1 of 2" in screen_text(app)
        before = screen_text(app)
        await press(pilot, "full_stop", "comma")
        assert screen_text(app) == before
        for keys, index in (
            (("z", "right", "down"), (1, 1)),
            (("left", "up"), (0, 0)),
            (("ctrl+end",), (63, 99)),
            (("home",), (63, 0)),
            (("ctrl+home", "end"), (0, 99)),
            (("ctrl+home", "pagedown", "pageup", "ctrl+right", "ctrl+left"), (0, 0)),
            (("j", *"7, 9", "enter"), (7, 9)),
            (("minus", "plus"), (7, 9)),
            (("less_than_sign", "greater_than_sign", "o", "d"), (7, 9)),
        ):
            await press(pilot, *keys)
            assert app.desk.gate.view is not None
            assert app.desk.gate.view.index == index, keys
        assert "─ [2:13, 3:15] · = -" in screen_text(app), "part of it is seen"
        await press(pilot, "z")
        assert "h (64, 100)" in text_of(app.desk.gate)
        assert "1 cell = 6×9" in app.desk.gate.remarked


async def test_a_gate_is_picked_from_a_list() -> None:
    session = Standin(kill(4, since=0))

    def more(record: Record) -> None:
        first = record.gates[0]
        record.gates += [msgspec.structs.replace(first, label=f"h{number}", op="relu") for number in range(1, 40)]

    session._after = more
    app = app_of(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await press(pilot, "3", "home", "enter")
        await until(pilot, lambda: "Gates of this iteration" in screen_text(app))
        assert "dead 1 of 10" in screen_text(app)
        for key in ("home", "down", "down", "enter"):
            await pilot.press(key)
        await settled(pilot)
        assert "Gate 3 of 40" in screen_text(app)
        assert lines(app)[0].startswith("h2  relu, line 13")
        await press(pilot, "enter", "escape")
        assert "Gate 3 of 40" in screen_text(app)
        await pilot.click("#gate", offset=(3, 1))
        await until(pilot, lambda: "Gates of this iteration" in screen_text(app))
        await press(pilot, "escape", "f")
        assert "Gate 1 of 40" in screen_text(app), "that of the cursor, again"


async def test_one_click_and_one_turn_of_the_wheel_move_all_four() -> None:
    from textual.events import MouseScrollDown

    session = Standin(sizes=WIDE)
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "3", "z")
        gate = app.desk.gate
        titles = next(line for line in lines(app) if "grad before" in line and "mask" in line)
        top = lines(app).index(titles) + 2
        for title, row, column in (("h (", 3, 4), ("mask", 1, 2), ("grad before", 2, 0), ("grad after", 0, 5)):
            await pilot.click("#gate", offset=(titles.index(title) + column + 1, top + row + 1))
            await settled(pilot)
            assert gate.view is not None
            assert gate.view.index == (row, column), title
        await pilot.click("#gate", offset=(titles.index("mask") + 3, top))
        await settled(pilot)
        assert gate.view is not None and gate.view.index == (0, 2), "a bar is a unit"
        gate.post_message(MouseScrollDown(gate, 5, 5, 0, 1, 0, False, False, False))
        await until(pilot, lambda: gate.view is not None and gate.view.top == 3)
        await settled(pilot)
        assert gate.view is not None
        assert all(text in text_of(gate) for text in readings(session, gate.view.index))


def kill(*units: int, since: int) -> Any:
    def plant(iteration: int, line: int, names: dict[str, Any]) -> None:
        if iteration >= since and line == 13:
            names["h"][:, list(units)] = -1.0

    return plant


async def test_dead_units_are_told_with_the_iterations_they_have_been_dead_for() -> None:
    app = app_of(Standin(kill(2, 5, since=1)))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        assert "no dead unit, of 10" in text_of(app.desk.gate)
        await press(pilot, "i", "3", "d")
        assert "dead 2 of 10, for 1 iteration: 2, 5" in text_of(app.desk.gate)
        assert "unit 2: dead, for 1 iteration" in text_of(app.desk.gate)
        await press(pilot, "i", "i")
        assert "dead 2 of 10, for 3 iterations: 2, 5" in text_of(app.desk.gate)
        await pilot.click("#gate", offset=(3, 2))
        await settled(pilot)
        assert "unit 5: dead, for 3 iterations running" in text_of(app.desk.gate)
        await press(pilot, "d")
        assert "unit 2: dead" in text_of(app.desk.gate), "after the last the first"
        assert lines(app)[6].count("†") == 2 * 4, "the bars mark them above every map"


async def test_dead_units_of_other_gates_are_told_and_gone_to() -> None:
    def add(record: Record) -> None:
        gate = record.gates[0]
        for label, dead in (("second", []), ("third", [1, 4]), ("fourth", [7])):
            units = Units(1, gate.units, dead, "matmul")
            record.gates.append(msgspec.structs.replace(gate, label=label, dead_units=dead, layer=units))

    app = app_of(Standin(after=add))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "3", "comma")
        while app.desk.gate.number:
            await press(pilot, "comma")
        assert lines(app)[1].rstrip() == "no dead unit, of 10 · 2 dead in gate 3, 1 in gate 4"
        met = []
        for _ in range(4):
            await press(pilot, "d")
            view = app.desk.gate.view
            assert view is not None
            met.append((app.desk.gate.number + 1, view.index[1]))
        assert met == [(3, 1), (3, 4), (4, 7), (3, 1)]
        assert lines(app)[1].rstrip() == "dead 2 of 10, for 1 iteration: 1, 4 · 1 dead in gate 4"


async def test_what_is_not_recorded_is_not_counted() -> None:
    session = Standin(kill(2, since=1))
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, *"iiii")
        session.records = {at: record for at, record in session.records.items() if at is not None and at >= 3}
        await press(pilot, "i", "3", "d")
        assert "dead 1 of 10, for 3+ iterations: 2" in text_of(app.desk.gate)
        assert "dead, for at least 3 iterations running (what was before is not recorded)" in screen_text(app) or (
            "dead, for at least 3 iterations running" in text_of(app.desk.gate)
        )


async def test_more_than_two_axes_are_shown_slice_by_slice_and_units_by_their_axis() -> None:
    session = Standin()
    numbers = np.random.default_rng(3).integers(-9, 9, (4, 3, 5, 6)).astype(float)
    numbers[:, 1] = -1.0

    def deepen(record: Record) -> None:
        def value(label: str, array: Any) -> Value:
            session._recorder.copies.append(array)
            return Value(label, "activation", "result", summary(array), len(session._recorder.copies) - 1)

        mask = numbers < 0
        record.gates = [
            Gate(
                "c", "relu", 1, 13, 1, value("c", numbers), value("b", numbers * 2), value("a", numbers * 2 * ~mask),
                int((~mask).sum()), int(mask.sum()), [1], 3, value("m", mask),
            )
        ]  # fmt: skip

    session._after = deepen
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "3", "greater_than_sign", "right")
        assert f"[0, 1, 0, 1] h = {float(numbers[0, 1, 0, 1])!r}  × blocked" in text_of(app.desk.gate)
        assert "unit 1: dead, for 1 iteration" in text_of(app.desk.gate)
        assert any(line.startswith("units ") and line[7] == "†" for line in lines(app))
        await press(pilot, "greater_than_sign")
        active = int((numbers[:, 2] >= 0).sum())
        assert f"unit 2: active in {active} of {4 * 5 * 6} entries" in text_of(app.desk.gate)
        await press(pilot, "o")
        assert "h [0, 2, :, :]" not in text_of(app.desk.gate)
        await press(pilot, "less_than_sign")


async def test_units_in_rows_are_told_by_their_axis() -> None:
    session = Standin()

    def turn(record: Record) -> None:
        gate = record.gates[0]
        h = arrays(session, gate)["h"]
        gate.layer = Units(0, h.shape[0], [2], "matmul")

    session._after = turn
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "3", "d")
        assert "dead 1 of 8 along axis 0, for 1 iteration: 2" in text_of(app.desk.gate)
        assert "unit 2: dead, for 1 iteration" in text_of(app.desk.gate)
        assert any(line.startswith("units ") for line in lines(app)), "a bar for each row lies above the maps"


async def test_a_soft_gate_shows_the_share_that_passes() -> None:
    session = Standin()

    def soften(record: Record) -> None:
        gate = record.gates[0]
        share = np.where(arrays(session, gate)["h"] < 0, 0.25, 1.0)
        for array in (share, share < 0.5):
            session._recorder.copies.append(array)
        last = len(session._recorder.copies)
        gate.soft, gate.attenuated, gate.op = True, int((share < 0.5).sum()), "leaky_relu"
        gate.share = Value("share", "other", "result", summary(share), last - 2)
        gate.closed = Value("closed", "other", "result", summary(share < 0.5), last - 1)

    session._after = soften
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "3")
        h = arrays(session, session.records[0].gates[0])["h"]
        assert f"passes {0.25 if h[0, 0] < 0 else 1.0} of it" in text_of(app.desk.gate)
        assert "open by half or more in" in text_of(app.desk.gate)
    gate = session.records[0].gates[0]
    for blocked, told in ((0, "first…on_layer(x)  line 13"), (9, "fi…er(x)")):
        gate.label, gate.active, gate.blocked = "self.first_projection_layer(x)", 60, blocked
        text = "".join(piece for piece, _ in heading(gate, Names([gate.label]), 51).pieces)
        assert text.startswith(told) and text.endswith(f"  attenuated {gate.attenuated}"), text


async def test_pictures_that_come_too_late_are_ignored() -> None:
    session = Standin()
    app = app_of(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        waiting: list[asyncio.Event] = []
        answered: list[Any] = []
        window = session.window

        async def slow(*arguments: Any) -> Any:
            event = asyncio.Event()
            waiting.append(event)
            await event.wait()
            answer = await window(*arguments)
            answered.append(answer)
            return answer

        session.window = slow  # type: ignore[method-assign, assignment]
        await pilot.press("i")
        await until(pilot, lambda: len(waiting) == 6, "four maps, a bar for each unit, the cursor's unit")
        first = list(waiting)
        await pilot.press("i")
        await until(pilot, lambda: len(waiting) == 12)
        for event in waiting[6:]:
            event.set()
        await until(pilot, lambda: len(answered) == 6)
        await pilot.pause()
        for event in first:
            event.set()
        await settled(pilot)
        assert lines(app)[2].strip() == readings(session, (0, 0), 2)[0]
        assert lines(app)[3].strip() == readings(session, (0, 0), 2)[1].removeprefix("grad "), "no room for all"
        assert len(waiting) == 12, "nothing is asked for twice"
