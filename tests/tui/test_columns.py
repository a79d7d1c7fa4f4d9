"""Names and lists that are long: as much of them as there is room for, and never cut so that two look the same."""

from __future__ import annotations

from typing import Any

import msgspec

from stepper.record import Gate, Summary, Units, Value
from stepper.session.findings.sightings import Sighting
from stepper.session.findings.streaks import Streak
from stepper.tui import figures
from stepper.tui.names import Names
from stepper.tui.panels.columns import (
    DEVICE,
    DTYPE,
    HEALTH,
    MAX,
    MEAN,
    MIN,
    NAME,
    NONFINITE,
    ROLE,
    SHAPE,
    SPREAD,
    ZEROS,
    fit,
    sort_key,
    title,
)
from stepper.tui.panels.columns import texts as cells
from stepper.tui.panels.gate_lines import dead_lines, heading, map_title, noted
from stepper.tui.panels.tensors import _row


def test_a_name_has_all_the_room_that_is_left() -> None:
    long = "update of model.layers.input_linear.weight"
    row = (long, "gradient", "(64, 100)", "f32", "cpu", "000+++", "", "0", "1", "0.5", "0", "0")
    assert fit([row], 158)[NAME] == len(long)
    assert 12 <= fit([row], 80)[NAME] < len(long)


def test_a_name_is_cut_in_the_middle() -> None:
    one, other = "update of model.input_linear.weight", "update of model.output_linear.bias"
    assert figures.middle(one, 26) == "update o…put_linear.weight"
    assert figures.middle(one, 12) != figures.middle(other, 12)
    assert [len(figures.middle(one, width)) for width in (1, 2, 12, 35)] == [1, 2, 12, 35]


def texts(dead: list[int], unit: int | None, width: int, most: int) -> list[str]:
    value = Value("h", "activation", "result", Summary(kind="tensor", type="array", shape=(4, 100)), 0)
    gate = Gate("h", "relu", 0, 1, 1, value, None, None, 0, 0, dead, 100, value, layer=Units(1, 100, dead, "matmul"))
    streaks = dict.fromkeys(dead, Streak(2, True))
    return ["".join(text for text, _ in row.pieces) for row in dead_lines(gate, streaks, unit, width, most)]


def test_all_dead_units_are_listed_where_there_is_room() -> None:
    dead = list(range(0, 100, 2))
    lines = texts(dead, None, 60, 6)
    assert len(lines) > 1 and max(map(len, lines)) <= 60
    assert lines[0].startswith("dead 50 of 100, for 2 iterations: 0, 2, 4, ")
    listed = " ".join(lines).split(": ")[1].replace(",", "").split()
    assert listed == [str(unit) for unit in dead]


def test_of_a_gate_that_ran_several_times_it_is_said_which_run_this_is() -> None:
    value = Value("h", "activation", "result", Summary(kind="tensor", type="array", shape=(3, 4)), 0)

    def run(*dead: int) -> Gate:
        units = Units(1, 4, list(dead), "matmul")
        return Gate("h", "relu", 0, 1, 1, value, None, None, 0, 0, list(dead), 4, value, layer=units)

    one, other = run(0, 1), run(1)
    (row,) = dead_lines(other, {1: Streak(2, True)}, None, 60, 1, "", [one, other])
    assert "".join(text for text, _ in row.pieces) == "dead 1 of 4 in run 2 of 2, for 2 iterations: 1"


def test_a_gate_of_numbers_that_are_not_finite_says_so_where_all_would_count_as_active() -> None:
    h = Value("h", "activation", "result", Summary("tensor", "array", (2, 2), nan=3, inf=1, neginf=0), 0)
    gate = Gate("h", "relu", 0, 1, 1, h, None, None, 4, 0, [], 2, h)
    told = "".join(text for text, _ in heading(gate, Names(["h"]), 80).pieces)
    assert "4 NaN or ∞  active 4  blocked 0 (0.0%)" in told


def test_what_there_is_to_say_of_a_gate_is_folded_to_its_width() -> None:
    h = Value("h", "activation", "result", Summary("tensor", "array", (2, 2)), 0)
    gate = Gate("h", "relu", 0, 1, 1, h, None, None, 4, 0, [], 2, h)
    assert noted(gate, 40, 2) == []
    gate.note = "backward masks by h > 1 (line 9), which is not h < 0 in 3 of 4 entries"
    lines = ["".join(text for text, _ in row.pieces) for row in noted(gate, 40, 9)]
    assert len(lines) == 2 and max(map(len, lines)) <= 40 and " ".join(lines) == gate.note
    first, last = ("".join(text for text, _ in row.pieces) for row in noted(gate, 25, 2))
    assert max(len(first), len(last)) <= 25 and last.endswith("…"), "what is cut says so"


def test_the_cursors_dead_unit_is_among_those_listed() -> None:
    dead = list(range(0, 100, 2))
    for unit in dead:
        (line,) = texts(dead, unit, 60, 1)
        assert len(line) <= 60
        assert str(unit) in line.split(": ")[1].replace(",", "").replace("…", " ").split()


def test_what_is_still_being_counted_is_marked_and_grows() -> None:
    summary = Summary("tensor", "ndarray", (1000,), "float32", "cpu", -1.0, 1.0, neginf=0, inf=0, nan=0, counted=0)
    half = msgspec.structs.replace(summary, negative=300, zero=100, positive=100, counted=500)
    whole = msgspec.structs.replace(half, negative=600, positive=300, mean=0.1, std=1.0, l2=3.0, counted=None)
    shown = [columns(each) for each in (summary, half, whole)]
    assert [line[HEALTH] for line in shown] == ["…", "---0+…", "---0++"]
    assert [line[MEAN] for line in shown] == ["…", "…", "0.1"]
    assert [line[ZEROS] for line in shown] == ["…", "100…", "100"]
    assert {(line[MIN], line[MAX], line[NONFINITE]) for line in shown} == {("-1", "1", "0")}


def columns(summary: Summary) -> tuple[str, ...]:
    return cells(Sighting((0, 0), 0, Value("w", "parameter", "result", summary, 0)))


def test_what_is_left_goes_to_shapes_first_and_columns_without_anything_go() -> None:
    tensor = ("np.square(y_pred - y).sum() * a_factor", "activation", "(64,100) bool", "bool", "cpu", "0+++++", "",
              "0", "1", "0.98", "6400", "0")  # fmt: skip
    weight = ("w", "parameter", "(1000, 1000)", "f32", "cpu", "---+++", "", "-1", "1", "0.5", "0", "0")
    for width in range(70, 120):
        widths = fit([tensor], width)
        assert widths[SHAPE] == 13 or widths[NAME] <= 26, f"a shape is cut at {width} columns"
    for width in range(30, 120):
        assert fit([weight], width)[SHAPE] >= len("(1000,1000)"), f"a shape is cut at {width} columns"
    scalar = ("loss", "loss", "", "float", "", "", "", "", "", "25", "", "")
    widths = fit([scalar], 80)
    assert [index for index, size in enumerate(widths) if size] == [NAME, ROLE, DTYPE, MEAN]
    assert title(MEAN, widths) == "value"


def test_expressions_give_room_for_a_histogram_before_names_do() -> None:
    rest = ("activation", "(64,1000) bool", "bool", "cpu", "0+++++", "", "0", "1", "0.98", "6400", "0")
    expression = ("np.square(y_pred - y) * factor", *rest)
    path = ("first_layer_weight_of_encoder", *rest)
    width = 2 + 17 + 1 + 5 + 1 + 14 + 1 + 6 + 1 + 9 + 3 * 8
    assert fit([expression], width)[SPREAD] and fit([expression], width)[NAME] == 17
    assert not fit([path], width)[SPREAD] and fit([path], width)[NAME] > 17
    assert fit([path], width + 2)[SPREAD]


def test_the_titles_of_maps_are_whole_words_where_there_is_little_room() -> None:
    said = {
        width: [map_title(kind, width) for kind in ("share", "mask", "grad before", "grad after")]
        for width in (20, 12, 9)
    }
    assert said[20] == ["share that passes", "mask", "grad before", "grad after"]
    assert said[12] == ["share passed", "mask", "grad before", "grad after"]
    assert said[9] == ["share", "mask", "before", "after"]


def test_a_gates_name_is_whole_before_what_is_said_elsewhere() -> None:
    value = Value("h", "activation", "result", Summary(kind="tensor", type="array", shape=(256, 50)), 0)
    gate = Gate("self.hidden2(x)", "relu", 0, 117, 1, value, None, None, 6400, 6400, [], 50, value)

    def told(width: int) -> str:
        row = heading(gate, Names([gate.label]), width)
        return " ".join("".join(text for text, _ in row.pieces).split())

    assert told(80) == "self.hidden2(x) relu, line 117 active 6400 blocked 6400 (50.0%)"
    assert told(56) == "hidden2(x) line 117 active 6400 blocked 6400 (50.0%)"
    assert told(46) == "hidden2(x) line 117 active 6400 blocked 6400"


def test_a_gates_name_is_abbreviated_behind_what_is_said_elsewhere_and_takes_the_room_there_is() -> None:
    value = Value("h", "activation", "result", Summary(kind="tensor", type="array", shape=(16, 8, 16, 16)), 0)
    gate = Gate("model.features.1", "relu", 0, 18, 1, value, None, None, 16400, 16368, [], 8, value)
    names = Names(["model.features.1", "model.features.4", "model.classifier.0"])

    def told(width: int) -> str:
        return "".join(text for text, _ in heading(gate, names, width).pieces)

    assert told(56) == "…features.1  line 18 active 16400  blocked 16368 (50.0%)"
    assert told(48) == "…features.1  line 18 active 16400  blocked 16368"
    assert told(46) == "…featur…1  line 18 active 16400  blocked 16368", "there is room for more letters than one"


def test_where_something_is_not_finite_that_is_told_with_less_before_it_is_left_out() -> None:
    def told(width: int) -> list[str]:
        summary = Summary(kind="tensor", type="ndarray", shape=(20, 8), dtype="float64", device="cpu", mean=3.5)
        wrong = msgspec.structs.replace(summary, nan=1234, inf=3, neginf=4)
        sightings = [Sighting((at, 0), at, Value("np.square(p - y)", "loss", "result", each))
                     for at, each in enumerate((summary, wrong))]  # fmt: skip
        widths = fit([cells(each) for each in sightings], width, (DTYPE, DEVICE))
        return ["".join(text for text, _ in _row(" ", each, cells(each), widths).pieces) for each in sightings]

    for width, count in ((75, "1234 nan 7 ∞"), (60, "nan ∞"), (57, "nan ∞"), (50, "1234 nan 7 ∞"), (42, "nan ∞")):
        whole, wrong = told(width)
        assert wrong.endswith(f" {count} ") and whole.endswith(" 0 "), (width, wrong)
        assert len(wrong) <= width + 1, "it stays within its column"


def test_a_number_that_is_not_finite_says_which_it_is() -> None:
    def told(number: float) -> str:
        value = Value("loss", "loss", "result", Summary(kind="scalar", type="float", value=number))
        return cells(Sighting((0, 0), 0, value))[NONFINITE]

    assert [told(number) for number in (1.5, float("nan"), float("inf"), float("-inf"))] == ["", "nan", "∞", "∞"]


def test_a_number_is_sorted_by_its_value_among_the_means() -> None:
    def key(**summary: Any) -> tuple[int, float, str]:
        return sort_key(Sighting((0, 0), 0, Value("v", "other", "result", Summary(**summary))), MEAN)

    mean = key(kind="tensor", type="ndarray", shape=(2,), mean=2.0)
    assert key(kind="scalar", type="int", value=1) < mean < key(kind="scalar", type="float", value=3.0)
    assert key(kind="scalar", type="float", value=float("nan")) == key(kind="scalar", type="str", value="a")


def test_columns_are_as_wide_where_only_as_much_of_the_figures_is_written_as_tells_that() -> None:
    known = Summary("tensor", "Tensor", (64, 100), "float32", "cpu", -1.25, 3e20)
    summaries = [
        msgspec.structs.replace(known, mean=0.5, negative=1, zero=2, positive=6397),
        msgspec.structs.replace(known, counted=10, zero=3),
        Summary("tensor", "Tensor", (0, 3), "float32", "cpu"),
        Summary("tensor", "Tensor", (2,), "int64", "cpu", min=1, max=2, mean=1.5, positive=2, nan=0),
        Summary("scalar", "float", value=float("nan"), nan=1),
        Summary("scalar", "int", value=123456789),
    ]
    sightings = [Sighting((0, 0), 0, Value(f"v{at}", "data", "result", each)) for at, each in enumerate(summaries)]
    groups = [sightings, *([each] for each in sightings), sightings[2:], sightings[4:]]
    for group in groups:
        for width in (20, 40, 60, 80, 120, 200):
            sparing = [cells(each, whole=False) for each in group]
            assert fit(sparing, width) == fit([cells(each) for each in group], width)
