"""The page that `stepper trace` prints, from records made by hand."""

import struct

import msgspec
import pytest

from stepper.commands.figures import mask_picture, number, summary_text, table
from stepper.commands.trace_text import overview, trace_lines
from stepper.record import Array, Event, Gate, ModuleCall, OptimizerStep, Parameter, Record, Summary, Value, When


def doubles(shape: tuple[int, ...], *cells: float) -> Array:
    return Array(shape=shape, dtype="float64", data=struct.pack(f"<{len(cells)}d", *cells))


def bools(shape: tuple[int, ...], *cells: bool) -> Array:
    return Array(shape=shape, dtype="bool", data=bytes(cells))


def tensor(label: str, copy: int, when: When = "result", **statistics: float | None) -> Value:
    plain = Summary(kind="tensor", type="ndarray", shape=(2, 2), dtype="float64", device="cpu", nan=0)
    summary = msgspec.structs.replace(plain, **statistics)
    return Value(label=label, role="activation", when=when, summary=summary, copy=copy)


def event(id: int, parent: int | None, text: str, *values: Value, line: int = 7, error: str | None = None) -> Event:
    return Event(
        id=id,
        parent=parent,
        kind="statement",
        phase="forward",
        file="script.py",
        line=line,
        column=0,
        end_line=line,
        end_column=10,
        occurrence=0,
        text=text,
        values=list(values),
        error=error,
    )


KEPT = {
    0: doubles((2, 2), 0.5, -1.0, 2.0, -0.25),
    1: bools((2, 2), False, True, False, True),
    2: doubles((2, 2), 1.0, 2.0, 3.0, 4.0),
    3: doubles((2, 2), 1.0, 0.0, 3.0, 0.0),
}


def page(record: Record) -> list[str]:
    return list(trace_lines(record, KEPT.__getitem__))


def test_a_statement_shows_line_phase_source_summary_and_a_small_array_in_full() -> None:
    made = tensor("h", 0, min=-1.0, max=2.0, mean=0.3125)
    read = tensor("x", 2, when="operand", min=1.0, max=4.0, mean=2.5)
    record = Record(0, 1.5, [1.5], [event(0, None, "h = x.dot(w1)", read, made)], [], [])
    assert page(record) == [
        "    7  forward  h = x.dot(w1)",
        "                    h  (2, 2)  float64  min -1  max 2  mean 0.3125",
        "                      0.5     -1",
        "                        2  -0.25",
    ]


def test_events_inside_others_are_indented_and_errors_are_marked() -> None:
    record = Record(
        0,
        None,
        [],
        [event(0, None, "y = f(x)"), event(1, 0, "return 1 / x", line=3, error="ZeroDivisionError: division by zero")],
        [],
        [],
        error="ZeroDivisionError: division by zero",
    )
    assert page(record) == [
        "    7  forward  y = f(x)",
        "    3  forward    return 1 / x",
        "                      ! ZeroDivisionError: division by zero",
        "",
        "Ended by ZeroDivisionError: division by zero",
    ]


def test_a_gate_shows_its_mask_its_input_and_the_gradient_on_both_sides() -> None:
    gate = Gate(
        label="h_relu",
        op="maximum",
        event=0,
        line=8,
        axis=1,
        h=tensor("h", 0),
        grad_before=tensor("grad_h_relu", 2),
        grad_after=tensor("grad_h", 3),
        active=2,
        blocked=2,
        dead_units=[1],
        units=2,
        mask=tensor("mask", 1),
    )
    text = "\n".join(page(Record(0, None, [], [], [gate], [])))
    assert "Gate h_relu  line 8  maximum" in text
    assert "active 2  blocked 2  dead units 1 of 2 along axis 1 (a guess): 1" in text
    assert "      █·\n      █·\n" in text
    places = [text.index(part) for part in ("mask", "h: h ", "gradient before: grad_h_relu", "gradient after: grad_h ")]
    assert places == sorted(places)
    assert "      1  0\n      3  0" in text


def called(id: int, text: str, path: str, *values: Value, training: bool = True) -> Event:
    """A layer's call, inside event 0."""
    inside = event(id, 0, text, *values)
    return msgspec.structs.replace(inside, kind="module", detail=ModuleCall(path, 1, training), function="Linear")


def test_a_page_with_calls_begins_with_the_shapes_of_all_names() -> None:
    plain = Record(0, None, [], [event(0, None, "h = f(x)", tensor("h", 0))], [], [])
    assert overview(plain) == []
    weight = msgspec.structs.replace(
        tensor("model.0.weight", 2, "operand", min=1.0, max=4.0, mean=2.5), role="parameter"
    )
    layer = called(1, "model.0", "model.0", weight, tensor("model.0", 0), tensor("f(x)", 3))
    record = msgspec.structs.replace(plain, events=[*plain.events, layer])
    assert overview(record) == [
        "Values, as the iteration leaves them",
        "  h               activation  (2, 2)  float64  min -  max -  mean -",
        "  model.0         activation  (2, 2)  float64  min -  max -  mean -",
        "  model.0.weight  parameter   (2, 2)  float64  min 1  max 4  mean 2.5",
        "",
    ]


def test_values_that_a_backward_pass_tells_apart_come_by_their_turn_and_once() -> None:
    names = [
        tensor("h", 10),
        tensor("w", 4),
        *(tensor(f"h{turn}", copy) for turn, copy in (("₁₀", 10), ("₉", 9), ("₁", 1))),
    ]
    record = Record(0, None, [], [event(0, None, "h = f(x)"), called(1, "model", "model", *names)], [], [])
    assert [line.split()[0] for line in overview(record)[1:-1]] == ["h₁", "h₉", "h₁₀", "w"]
    kept = msgspec.structs.replace(
        record, events=[event(0, None, "h = f(x)"), called(1, "m", "m", tensor("h", 7), *names[2:])]
    )
    assert [line.split()[0] for line in overview(kept)[1:-1]] == ["h", "h₁", "h₉", "h₁₀"], "it is none of them"


def test_inside_a_statement_a_value_is_shown_whole_once() -> None:
    layer = called(1, "model.0", "model.0", tensor("model.0", 0), training=False)
    again = event(2, 0, "return h", tensor("h", 0))
    later = event(3, None, "g = h", tensor("g", 0))
    record = Record(0, None, [], [event(0, None, "h = f(x)", tensor("h", 0)), layer, again, later], [], [])
    figures = ["                       0.5     -1", "                         2  -0.25"]
    assert [line.strip() for line in page(record)] == [
        "7  forward  h = f(x)",
        "h  (2, 2)  float64  min -  max -  mean -",
        *(line.strip() for line in figures),
        "7  forward    model.0  Linear: evaluating",
        "model.0  (2, 2)  the same as h",
        "7  forward    return h",
        "7  forward  g = h",
        "g  (2, 2)  float64  min -  max -  mean -",
        *(line.strip() for line in figures),
    ]


def test_an_array_of_many_lines_is_shown_with_values_only() -> None:
    column = doubles((11, 2), *map(float, range(22)))
    made = msgspec.structs.replace(tensor("w", 0).summary, shape=(11, 2))
    record = Record(0, None, [], [event(0, None, "w = f()", Value("w", "other", "result", made, 0))], [], [])
    assert len(list(trace_lines(record, {0: column}.get))) == 2
    assert len(list(trace_lines(record, {0: column}.get, values=True))) == 13


def test_a_rule_of_several_steps_is_told_once() -> None:
    def step(id: int, parameter: str, rule: str) -> Event:
        detail = OptimizerStep(parameter, rule, {}, 0, deviation_ulp=0)
        return msgspec.structs.replace(
            event(id, 0, "optimizer.step()"), kind="optimizer", detail=detail, function="SGD"
        )

    steps = [step(1, "w", "g = grad; w = w − lr g"), step(2, "b", "g = grad; w = w − lr g"), step(3, "c", "w = w")]
    record = Record(0, None, [], [event(0, None, "optimizer.step()"), *steps], [], [])
    text = [line.strip() for line in page(record)]
    assert text.count("g = grad") == 1 and text.count("the same rule") == 1 and text.count("w = w") == 1
    assert text.count("recomputed by this rule: the same to the bit") == 3


def test_parameters_are_a_table_of_norms() -> None:
    parameter = Parameter(
        name="w1",
        shape=(2, 2),
        before=tensor("w1", 0, l2=2.3),
        after=tensor("w1", 1, l2=2.2),
        grad=None,
        update=tensor("w1", 2, l2=0.1, min=-0.1, max=0.0),
        ratio=0.0434782,
    )
    assert page(Record(0, None, [], [], [], [parameter])) == [
        "",
        "Parameters  shape   L2 before  L2 after  L2 grad  L2 update  update/parameter",
        "w1          (2, 2)        2.3       2.2        -        0.1            0.0435",
    ]


@pytest.mark.parametrize(
    ("wrong", "norm"), [({"nan": 1, "inf": 2}, "nan"), ({"inf": 1}, "inf"), ({"neginf": 1}, "inf")]
)
def test_norms_of_what_is_not_finite_say_so(wrong: dict[str, int], norm: str) -> None:
    parameter = Parameter(
        name="w1",
        shape=(2, 2),
        before=tensor("w1", 0, l2=2.3),
        after=tensor("w1", 0, "after", l2=2.2, **wrong),
        grad=tensor("w1.grad", 0, "operand", l2=0.0, **wrong),
        update=tensor("w1", 0, "result", l2=None, **wrong),
        ratio=None,
        used=True,
    )
    last = page(Record(0, None, [], [], [], [parameter]))[-1]
    assert last.split()[3:] == ["2.3", norm, norm, norm, "-"]


def test_a_large_array_is_shown_by_its_corners() -> None:
    lines = table(doubles((20, 10), *map(float, range(200))), "")
    assert len(lines) == 7
    assert lines[0].split() == ["0", "1", "2", "…", "7", "8", "9"]
    assert lines[3] == "… 14 more rows"


def test_a_column_is_laid_down() -> None:
    assert table(doubles((3, 1), 1.0, 2.5, 3.0), "  ") == ["    1  2.5    3  ᵀ"]


def test_a_mask_is_cut_to_what_fits() -> None:
    assert mask_picture(bools((3, 4), *[True] * 12), "", width=2, height=2) == [
        "··",
        "··",
        "… 1 more rows and 2 more columns",
    ]


def test_what_is_not_finite_stands_out() -> None:
    summary = Summary(kind="tensor", type="Tensor", shape=(3,), dtype="float32", device="cuda:0", nan=2, inf=1)
    assert summary_text(summary) == "(3,)  float32  cuda:0  min -  max -  mean -  ! 2 nan, 1 inf"
    assert [number(value) for value in (float("nan"), float("-inf"), 1e-20, 123456.789, 3, None)] == [
        "nan",
        "-inf",
        "1e-20",
        "1.2346e+05",
        "3",
        "-",
    ]


def test_a_long_row_is_folded_and_loses_no_figure() -> None:
    numbers = [place * 1.001 for place in range(64)]
    for shape in ((64,), (64, 1), (2, 32)):
        lines = table(doubles(shape, *numbers), " " * 24)
        assert max(map(len, lines)) <= 120
        figures = " ".join(lines).replace("ᵀ", "").split()
        assert figures == [f"{number:.4g}" for number in numbers]
        assert len({len(line.rstrip(" ᵀ")) for line in lines if not line.startswith(" " * 26)}) <= 2, "aligned"


def test_what_looks_alike_in_two_passes_of_a_loop_is_told_of_both() -> None:
    def step(id: int) -> Event:
        return event(id, 0, "v *= mu", tensor("v", 2, "before"), tensor("v", 2, "after"), line=8)

    inner = [msgspec.structs.replace(step(id), column=4, end_column=12) for id in (1, 2)]
    head = event(0, None, "for v in vs", tensor("v", 2), tensor("v", 3))
    lines = page(Record(0, None, [], [head, *inner], [], []))
    for told, times in (("v before ", 2), ("v after ", 2), ("v  (2, 2)", 2)):
        assert sum(line.strip().startswith(told) for line in lines) == times, told
